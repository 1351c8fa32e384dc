// Owns sequences of malformed requests: one each, most of them of one call, since all share a parser.

import { b, everything, send, topic, type Step } from "../sequence.ts";

const rangeOf = (text: string): Step => send("POST", "/v3/kv/range", text);
const putOf = (text: string): Step => send("POST", "/v3/kv/put", text);
const txnOf = (text: string): Step => send("POST", "/v3/kv/txn", text);
const grantOf = (text: string): Step => send("POST", "/v3/lease/grant", text);

const BODIES: Readonly<Record<string, readonly Step[]>> = {
  "an empty body": [rangeOf(""), putOf("")],
  "a blank body": [rangeOf(" \n\t")],
  "an empty object": [rangeOf("{}"), putOf("{}")],
  null: [rangeOf("null")],
  "an array": [rangeOf("[]"), rangeOf('[{"key":"YQ=="}]')],
  "a string": [rangeOf('"YQ=="')],
  "a number": [rangeOf("1")],
  "a boolean": [rangeOf("true")],
  "a word": [rangeOf("hello")],
  "an open object": [rangeOf("{"), rangeOf('{"key"'), rangeOf('{"key":'), rangeOf('{"key":"YQ=="')],
  "a name without quotes": [rangeOf("{key:1}")],
  "single quotes": [rangeOf("{'key':'YQ=='}")],
  "a comma at the end": [rangeOf('{"key":"YQ==",}')],
  "two commas": [rangeOf('{"key":"YQ==",,"limit":1}')],
  "no comma": [rangeOf('{"key":"YQ==" "limit":1}')],
  "no colon": [rangeOf('{"key" "YQ=="}')],
  "something behind": [
    rangeOf('{"key":"YQ=="}x'),
    rangeOf('{"key":"YQ=="}}'),
    rangeOf('{"key":"YQ=="} {"key":"Yg=="}'),
  ],
  "something behind a number in a string": [
    grantOf('{"TTL":"5]3","ID":7}'),
    grantOf('{"TTL":"5 3","ID":8}'),
    grantOf('{"TTL":"5,x","ID":9}'),
    grantOf('{"TTL":"5x]","ID":10}'),
    grantOf('{"TTL":"5 ","ID":11}'),
    grantOf('{"TTL":"]5","ID":12}'),
  ],
  "a comment": [rangeOf('{"key":"YQ=="/* a */}'), rangeOf('// a\n{"key":"YQ=="}')],
  "a byte order mark": [rangeOf('\ufeff{"key":"YQ=="}')],
  "an unknown field": [
    rangeOf('{"key":"YQ==","nothing":1}'),
    rangeOf('{"key":"YQ==","nothing":{"deep":[1,2,{}]}}'),
  ],
  "an unknown field of bad form": [rangeOf('{"key":"YQ==","nothing":{"deep":[1,2}}}')],
  "names in another case": [rangeOf('{"KEY":"YQ=="}'), rangeOf('{"Key":"YQ=="}')],
  "a field twice": [
    rangeOf('{"key":"YQ==","key":"YQ=="}'),
    rangeOf('{"range_end":"YQ==","rangeEnd":"YQ=="}'),
  ],
  "an unknown field twice": [rangeOf('{"key":"YQ==","x":1,"x":2}')],
  "a field of null": [
    rangeOf('{"key":null}'),
    rangeOf('{"key":"YQ==","limit":null,"serializable":null}'),
  ],
  "a field of null twice": [rangeOf('{"key":"YQ==","limit":null,"limit":null}')],
  "base64 of other alphabets": [putOf('{"key":"-_-_"}'), putOf('{"key":"+/+/"}'), everything()],
  "base64 without padding": [putOf('{"key":"YQ"}'), putOf('{"key":"YWI"}'), everything()],
  "base64 with wrong padding": [
    putOf('{"key":"YQ="}'),
    putOf('{"key":"YQ==="}'),
    putOf('{"key":"Y==="}'),
    everything(),
  ],
  "base64 with a stray character": [putOf('{"key":"Y!=="}'), putOf('{"key":"***"}')],
  "base64 with white space": [
    putOf('{"key":"Y Q=="}'),
    putOf('{"key":"YQ==\\n"}'),
    putOf('{"key":"Y\\nQ=="}'),
    everything(),
  ],
  "base64 of one character": [putOf('{"key":"Y"}'), putOf('{"key":"="}')],
  "base64 with bits left over": [putOf('{"key":"YR=="}'), everything()],
  "bytes that are a number": [
    putOf('{"key":1}'),
    putOf('{"key":true}'),
    putOf('{"key":{}}'),
    putOf('{"key":["YQ=="]}'),
  ],
  "a limit that is a fraction": [
    rangeOf('{"key":"YQ==","limit":1.5}'),
    rangeOf('{"key":"YQ==","limit":"1.5"}'),
  ],
  "a limit that is a whole number, however written": [
    rangeOf('{"key":"YQ==","limit":1.0}'),
    rangeOf('{"key":"YQ==","limit":1e0}'),
    rangeOf('{"key":"YQ==","limit":"1"}'),
    rangeOf('{"key":"YQ==","limit":10e-1}'),
    rangeOf('{"key":"YQ==","limit":"1e0"}'),
    rangeOf('{"key":"YQ==","limit":-0}'),
  ],
  "a limit that is no number": [
    rangeOf('{"key":"YQ==","limit":"abc"}'),
    rangeOf('{"key":"YQ==","limit":""}'),
    rangeOf('{"key":"YQ==","limit":" 1"}'),
  ],
  "a limit that is something else": [
    rangeOf('{"key":"YQ==","limit":true}'),
    rangeOf('{"key":"YQ==","limit":[]}'),
    rangeOf('{"key":"YQ==","limit":{}}'),
  ],
  "numbers that are none": [
    rangeOf('{"key":"YQ==","limit":01}'),
    rangeOf('{"key":"YQ==","limit":+1}'),
    rangeOf('{"key":"YQ==","limit":1.}'),
    rangeOf('{"key":"YQ==","limit":.5}'),
    rangeOf('{"key":"YQ==","limit":0x1}'),
    rangeOf('{"key":"YQ==","limit":NaN}'),
    rangeOf('{"key":"YQ==","limit":1e}'),
    rangeOf('{"key":"YQ==","limit":-}'),
  ],
  "numbers at and beyond 64 bits": [
    rangeOf('{"key":"YQ==","limit":9223372036854775807}'),
    rangeOf('{"key":"YQ==","limit":9223372036854775808}'),
    rangeOf('{"key":"YQ==","limit":"-9223372036854775808"}'),
    rangeOf('{"key":"YQ==","limit":"-9223372036854775809"}'),
    rangeOf('{"key":"YQ==","limit":1e19}'),
    rangeOf('{"key":"YQ==","limit":1e400}'),
  ],
  "a boolean that is none": [
    rangeOf('{"key":"YQ==","serializable":"true"}'),
    rangeOf('{"key":"YQ==","serializable":1}'),
    rangeOf('{"key":"YQ==","serializable":"x"}'),
    rangeOf('{"key":"YQ==","serializable":True}'),
  ],
  "an enum that is none": [
    rangeOf('{"key":"YQ==","sort_order":true}'),
    rangeOf('{"key":"YQ==","sort_order":1.5}'),
    rangeOf('{"key":"YQ==","sort_order":{}}'),
    rangeOf('{"key":"YQ==","sort_order":"1"}'),
    rangeOf('{"key":"YQ==","sort_order":"ascend"}'),
  ],
  "an enum beyond 32 bits": [rangeOf('{"key":"YQ==","sort_order":2147483648}')],
  "an unknown sort order by number": [rangeOf('{"key":"YQ==","sort_order":9}')],
  "an unknown sort target by number": [
    rangeOf('{"key":"YQ==","sort_target":9}'),
    rangeOf('{"key":"YQ==","sort_target":-1}'),
  ],
  "a list that is none": [
    txnOf('{"success":{}}'),
    txnOf('{"success":1}'),
    txnOf('{"success":"x"}'),
    txnOf('{"compare":null}'),
  ],
  "items that are no messages": [
    txnOf('{"success":[1]}'),
    txnOf('{"success":[null]}'),
    txnOf('{"success":["x"]}'),
    txnOf('{"success":[[]]}'),
  ],
  "a list that is open": [
    txnOf('{"success":[}'),
    txnOf('{"success":[{}'),
    txnOf('{"success":[{},]}'),
  ],
  "a fault deep inside": [
    txnOf('{"success":[{"request_put":{"key":"***"}}]}'),
    txnOf('{\n  "success": [\n    {"request_put": {"key": 5}}\n  ]\n}'),
    txnOf('{"compare":[{"key":"YQ==","version":"x"}]}'),
  ],
  "two members of the oneof": [
    txnOf('{"success":[{"request_put":{"key":"YQ=="},"request_range":{"key":"YQ=="}}]}'),
    txnOf('{"compare":[{"key":"YQ==","version":1,"value":"YQ=="}]}'),
  ],
  "two members of the oneof, one null": [
    txnOf('{"success":[{"request_put":null,"request_range":{"key":"YQ=="}}]}'),
  ],
  "a message that is none": [
    txnOf('{"success":[{"request_put":1}]}'),
    txnOf('{"success":[{"request_put":"x"}]}'),
    txnOf('{"success":[{"request_put":[]}]}'),
  ],
  "escapes in strings": [
    putOf('{"key":"\\u0059\\u0051=="}'),
    putOf('{"\\u006bey":"Yg=="}'),
    everything(),
  ],
  "bad escapes in strings": [
    putOf('{"key":"\\x"}'),
    putOf('{"key":"\\u12"}'),
    putOf('{"key":"\\ud800"}'),
  ],
  "half a surrogate pair": [
    putOf('{"key":"\\ud800abcdefgh"}'),
    putOf('{"key":"\\ud800","value":"YQ=="}'),
    putOf('{"key":"ab\\udc00cdefgh"}'),
    putOf('{"key":"\\ud800\\u0041abc"}'),
    putOf('{"key":"\\ud83d\\ude00\\ud800abcdefgh"}'),
    putOf('{"x":"\\ud800","key":"YQ=="}'),
    putOf('{"\\ud800":1,"key":"YQ=="}'),
    putOf('{\n"key":"\\udc00abcdefgh"}'),
  ],
  "a whole surrogate pair in a wrong value": [
    putOf('{"key":"\\ud83d\\ude00"}'),
    putOf('{"key":"\\u002a"}'),
  ],
  "control characters where none may be": [
    putOf('{"key":\u0001}'),
    putOf('{"key":\u007f}'),
    putOf('{"key":\\}'),
    putOf('{\u0007"key":1}'),
    putOf('{\u000b"key":1}'),
    putOf('{"key":\u00e9}'),
  ],
  "control characters in strings": [putOf('{"key":"Y\tQ"}'), putOf('{"k\ney":"YQ=="}')],
  "an open string": [putOf('{"key":"YQ'), putOf('{"key')],
  "faults further down a text": [
    rangeOf('{"key":"YQ==",\n"limit":\n  "many"}'),
    rangeOf('{"key":"YQ==",\r\n"limit":x}'),
  ],
  "text beyond ASCII before a fault": [
    rangeOf('{"näme":1,"limit":"x"}'),
    rangeOf('{"\u{1f511}":1,"limit":"x"}'),
  ],
  "white space before a fault": [
    rangeOf('\n\n  {"key":"YQ==","limit":"x"}'),
    rangeOf(' "key"'),
    rangeOf('\n{"key":"\\ud800abcdefgh"}'),
  ],
  "several faults": [rangeOf('{"limit":"x","key":"***"}'), rangeOf('{"key":"***","limit":')],
  "a grant of bad numbers": [
    grantOf('{"ID":"x"}'),
    grantOf('{"TTL":{}}'),
    grantOf('{"ID":1,"TTL":"1.5"}'),
    grantOf('{"ID":18446744073709551615}'),
  ],
  "deep nesting of what is unknown": [
    rangeOf(`{"key":"YQ==","x":${"[".repeat(200)}${"]".repeat(200)}}`),
  ],
  "a long wrong value": [rangeOf(`{"key":"YQ==","limit":"${"x".repeat(300)}"}`)],
  "a type url": [rangeOf('{"@type":"x","key":"YQ=="}')],
  "a key of the text null": [putOf(`{"key":"${b("null")}"}`), everything()],
  "a compaction of bad numbers": [
    send("POST", "/v3/kv/compaction", '{"revision":"x"}'),
    send("POST", "/v3/kv/compaction", '{"physical":"x"}'),
  ],
};

export const malformed = topic("malformed", BODIES);
