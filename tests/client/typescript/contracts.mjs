/** Writes the types of HTTP and of the WebSocket's messages into build/, from what docs/reference publishes of them. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const REFERENCE = new URL("../../../docs/reference/", import.meta.url);
const BUILD = new URL("build/", import.meta.url);

/**
 * @param {string} file
 * @param {string} source
 */
async function write(file, source) {
  const { info, components } = JSON.parse(await readFile(new URL(source, REFERENCE), "utf8"));
  // The schemas alone; those of AsyncAPI are those of OpenAPI 3.1, which the generator reads.
  const document = { openapi: "3.1.0", info, paths: {}, components: { schemas: components.schemas } };
  // What has a default may be left out of a request; answers have it, and OpenAPI says so of them.
  const types = await openapiTS(JSON.stringify(document), { defaultNonNullable: false });
  const head = `// Written from docs/reference/${source} by \`npm run types\` in tests/client/typescript.\n\n`;
  await writeFile(new URL(file, BUILD), head + astToString(types));
}

await mkdir(BUILD, { recursive: true });
await write("http.d.ts", "openapi.json");
await write("messages.d.ts", "asyncapi.json");
