import assert from "node:assert/strict";
import { test } from "node:test";

import { merge } from "../../client/src/merge.js";

// https://www.rfc-editor.org/rfc/rfc7396#appendix-A: target, patch, result.
const TABLE = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
];

for (const [target, patch, result] of TABLE) {
  test(`${target} with ${patch} is ${result}`, () => {
    assert.deepEqual(merge(JSON.parse(target), JSON.parse(patch)), JSON.parse(result));
  });
}

test("the arguments are not changed", () => {
  const [target, patch] = [{ a: { b: 1 } }, { a: { b: null, c: { d: 1 } } }];
  merge(target, patch);
  assert.deepEqual([target, patch], [{ a: { b: 1 } }, { a: { b: null, c: { d: 1 } } }]);
});

test("a member may have any name", () => {
  const patch = JSON.parse('{"__proto__":{"a":1},"constructor":{"b":2}}');
  const merged = merge({}, patch);
  assert.equal(JSON.stringify(merged), '{"__proto__":{"a":1},"constructor":{"b":2}}');
  assert.equal(JSON.stringify(merge(merged, JSON.parse('{"__proto__":null}'))), '{"constructor":{"b":2}}');
  assert.equal({}.a, undefined);
});
