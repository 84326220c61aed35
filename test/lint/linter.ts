/** Lints a snippet as if it stood in a given file, with this repository's own configuration. */
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import tseslint from "typescript-eslint";

export const repositoryRoot = fileURLToPath(new URL("../../", import.meta.url));

/**
 * One file is linted here many times with different content. Where `CI=true`, the parser would take each for the only run and give
 * the second snippet of a file a program that knows no types, in which the rules see less.
 */
const manyRuns = { languageOptions: { parserOptions: { disallowAutomaticSingleRunInference: true } } };

/** For files that need not exist: all rules but those that ask the type checker, which only knows files of a project. */
const withoutTypes = new ESLint({
  cwd: repositoryRoot,
  overrideConfig: [tseslint.configs.disableTypeChecked, manyRuns],
});
const withTypes = new ESLint({ cwd: repositoryRoot, overrideConfig: [manyRuns] });

async function brokenRules(linter: ESLint, file: string, code: string): Promise<string[]> {
  const [result] = await linter.lintText(code, { filePath: `${repositoryRoot}${file}` });
  if (result === undefined) throw new Error(`${file} is ignored by the linter, so that nothing in it can be checked.`);
  const fatal = result.messages.find((message) => message.fatal === true);
  if (fatal !== undefined) throw new Error(`The snippet for ${file} could not be read: ${fatal.message}`);
  return result.messages.map((message) => message.ruleId ?? "unused directive");
}

/** The rules that `code` breaks when it stands in `file`, a path from the root of the repository that need not exist. */
export function lintSnippet(file: string, code: string): Promise<string[]> {
  return brokenRules(withoutTypes, file, code);
}

/** As {@link lintSnippet} with type information; `file` must exist, its content is replaced in memory only. */
export function lintTypedSnippet(file: string, code: string): Promise<string[]> {
  return brokenRules(withTypes, file, code);
}

/** True when the linter reports that `file` may not import `specifier`. */
export async function refusesImport(file: string, specifier: string): Promise<boolean> {
  const rules = await lintSnippet(file, `import { something } from "${specifier}";\nexport const used = something;\n`);
  return rules.includes("no-restricted-imports");
}
