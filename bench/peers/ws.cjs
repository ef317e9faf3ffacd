// A server with `ws`: node ws.cjs PORT default|tuned. It sends each line of its standard input to
// all connections, and ends with its standard input.
"use strict";

const readline = require("node:readline");
const { WebSocket, WebSocketServer } = require("ws");

const [port, how] = process.argv.slice(2);
const isTuned = how === "tuned";
// Compression is off in both: it is the package's default.
const options = isTuned ? { backlog: 4096, maxPayload: 128 * 1024, skipUTF8Validation: true } : {};
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), ...options });

server.on("connection", (connection) => connection.on("error", console.error));

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    // Tuned, the text is encoded once instead of once for each connection.
    const message = isTuned ? Buffer.from(line) : line;
    for (const connection of server.clients) {
      if (connection.readyState === WebSocket.OPEN) connection.send(message, { binary: false });
    }
  })
  .on("close", () => process.exit());
