/** Print what publint and are-the-types-wrong find in a packed package: `node package.mjs headcount-client-0.1.0.tgz`. */

import { readFile } from "node:fs/promises";

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";

// The package is an ES module, so `require` and the resolution of TypeScript before 4.7 are not for it.
const NOT_FOR_ES_MODULES = ["node10", "node16-cjs"];

const data = await readFile(process.argv[2]);
const { messages } = await publint({ pack: { tarball: data.buffer }, level: "warning", strict: true });
const { problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
const others = problems.filter(({ resolutionKind }) => !NOT_FOR_ES_MODULES.includes(resolutionKind));
console.log(JSON.stringify([...messages, ...others]));
