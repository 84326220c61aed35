/** What a mutant is: one small change that breaks the queue, and that the tests have to notice. */

export type Mutant = {
  name: string;
  /** What the change breaks. */
  breaks: string;
  file: string;
  /** Must occur exactly once in the file. */
  find: string;
  replace: string;
};

export const QUEUE = "src/component/queue";
