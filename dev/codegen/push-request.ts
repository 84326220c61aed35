/** What the Convex CLI uploads to have it analyzed, and the shape of the answer from which it generates code. */
import { z } from "zod";

const vModule = z.looseObject({
  /** Relative to the folder of its component, with extension. */
  path: z.string(),
  source: z.string(),
  environment: z.enum(["isolate", "node"]),
});

const vComponentDefinition = z.looseObject({
  /** Folder of the definition, relative to the app's functions folder. */
  definitionPath: z.string(),
  definition: vModule,
  schema: vModule.nullable(),
  functions: z.array(vModule),
  udfServerVersion: z.string(),
});

export const vStartPushRequest = z.looseObject({
  /** The app is one that the CLI made up around a single component. */
  forCodegen: z.boolean().optional(),
  appDefinition: z.looseObject({
    definition: vModule.nullable(),
    schema: vModule.nullish(),
    changedModules: z.array(vModule),
    udfServerVersion: z.string(),
  }),
  componentDefinitions: z.array(vComponentDefinition),
});

export type PushedModule = z.infer<typeof vModule>;
export type StartPushRequest = z.infer<typeof vStartPushRequest>;

export interface AnalyzedFunction {
  name: string;
  udfType: "Query" | "Mutation" | "Action";
  visibility: { kind: "public" | "internal" };
  /** A validator as JSON. */
  args: string;
  /** A validator as JSON; `"null"` if the function has none. */
  returns: string;
}

export interface AnalyzedModule {
  functions: AnalyzedFunction[];
}

/** The public functions of a component as a tree of modules and functions. */
export type ComponentExports =
  { type: "leaf"; leaf: string } | { type: "branch"; branch: [string, ComponentExports][] };
