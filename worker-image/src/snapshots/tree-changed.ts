/** The one thing that goes wrong with a tree because somebody else is still at work in it. */

/** Thrown when something in a tree is not what it was when the tree was listed: looking again may help. */
export class TreeChanged extends Error {
  override readonly name = "TreeChanged";
}
