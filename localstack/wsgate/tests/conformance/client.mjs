// A client of the `ws` package that a test drives: commands come as JSON lines, what happens goes
// out as JSON lines. Each names the connection it is about.
import { createInterface } from "node:readline";
import WebSocket from "ws";

const sockets = new Map();

function tell(id, event, more = {}) {
  process.stdout.write(`${JSON.stringify({ id, event, ...more })}\n`);
}

const commands = {
  open({ id, url, headers, protocols, compression }) {
    const socket = new WebSocket(url, protocols, { headers, perMessageDeflate: compression });
    sockets.set(id, socket);
    socket.on("open", () =>
      tell(id, "open", { protocol: socket.protocol, extensions: socket.extensions }),
    );
    socket.on("unexpected-response", (request, response) => {
      tell(id, "refused", { status: response.statusCode });
      request.destroy();
    });
    socket.on("message", (data, isBinary) =>
      tell(id, "message", { text: data.toString(), isBinary }),
    );
    socket.on("pong", (data) => tell(id, "pong", { text: data.toString() }));
    socket.on("close", (code, reason) => tell(id, "close", { code, reason: reason.toString() }));
    socket.on("error", (error) => tell(id, "error", { text: error.message }));
  },
  say({ id, text }) {
    sockets.get(id).send(text);
  },
  bytes({ id, text }) {
    sockets.get(id).send(Buffer.from(text));
  },
  fragments({ id, texts }) {
    const socket = sockets.get(id);
    texts.forEach((text, index) => socket.send(text, { fin: index === texts.length - 1 }));
  },
  ping({ id, text }) {
    sockets.get(id).ping(text);
  },
  close({ id, code, reason }) {
    if (code === null) {
      sockets.get(id).close();
    } else {
      sockets.get(id).close(code, reason);
    }
  },
  lose({ id }) {
    sockets.get(id).terminate();
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { op, ...rest } = JSON.parse(line);
  commands[op](rest);
});
