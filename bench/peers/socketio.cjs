// A server with Socket.IO: node socketio.cjs PORT default|tuned. It sends each line of its standard
// input to all connections, and ends with its standard input.
"use strict";

const { createServer } = require("node:http");
const readline = require("node:readline");
const { Server } = require("socket.io");

const [port, how] = process.argv.slice(2);
const isTuned = how === "tuned";
const server = createServer();
const options = { httpCompression: false, serveClient: false, transports: ["websocket"] };
const io = new Server(server, isTuned ? options : {});

if (isTuned) {
  // https://socket.io/docs/v4/memory-usage/ (read on 2026-11-29)
  io.engine.on("connection", (connection) => {
    connection.request = null;
  });
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => io.emit("message", line))
  .on("close", () => process.exit());
server.listen({ host: "127.0.0.1", port: Number(port), backlog: isTuned ? 4096 : undefined });
