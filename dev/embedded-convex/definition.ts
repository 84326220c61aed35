/** What an app consists of, as its `convex.config.ts` files say: the tree of component instances and each one's modules. */

/** Where an instance's declared env variable gets its value from. */
export type EnvBinding = { kind: "value"; value: string } | { kind: "reference"; parentName: string };

export interface ComponentInstance {
  /** `""` for the app, else names joined by `/`. */
  path: string;
  /** Absolute folder with the component's functions. */
  directory: string;
  /** Module path without extension (`"lib"`, `"pool/public"`) → absolute source file. */
  modules: Record<string, string>;
  /** Absolute path of `schema.ts`, or null. */
  schemaFile: string | null;
  /** Env variables the definition declares, with whether they may be absent. The app's own may be undeclared (null: all of the deployment's). */
  declaredEnv: Record<string, { optional: boolean }> | null;
  envBindings: Record<string, EnvBinding>;
  httpPrefix: string | null;
  children: ComponentInstance[];
}

export interface AppDefinition {
  root: ComponentInstance;
  /** Absolute path of `auth.config.ts`, or null. */
  authConfigFile: string | null;
}
