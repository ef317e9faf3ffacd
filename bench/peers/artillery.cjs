// Artillery's engine for WebSockets does not say how long a connect takes: measure it around it.
"use strict";

module.exports = {
  begin(connection, context, done) {
    context.vars.begunAt = performance.now();
    done();
  },
  opened(context, events, done) {
    events.emit("histogram", "connect_ms", performance.now() - context.vars.begunAt);
    done();
  },
};
