// Owns histories and the hashes that an etcd 3.5.16 had of them: `hash <revision> <compacted> <hash>`,
// recorded over its gateway, each history in an etcd of its own that was restarted before the last
// hashes. Keys and values are JSON strings, behind a put's stands its lease; `z*300` is 300 times z.

export const TRANSCRIPTS: readonly string[] = [
  String.raw`
put "d" "yy" 0
compact 1
delete "d" ""
txn delete "aa" ""
put "d" "yy" 4611686018427387905
put "d" "yy" 1
hash 0 1 1858952480
delete "\u00ff" "b"
compact 3
delete "a" ""
txn delete "a" "" ; put "c\u0000" "x" 0 ; delete "b" ""
grant -2
put "b" "" 0
delete "d" "\u0000"
put "\u00ff" "x" -2
txn delete "d" ""
txn put "a" "x" -2 ; put "d" "yy" 1
txn delete "d" "" ; delete "b" ""
txn delete "aa" "" ; delete "c\u0000" ""
hash 3 3 1084519789
hash 4 3 1000803404
hash 5 3 2144106684
hash 6 3 4044566899
hash 7 3 4058490679
hash 8 3 2128280828
hash 0 3 2128280828
`,
  String.raw`
put "c\u0000" "yy" 0
grant 1
txn put "b" "x" 0
put "aa" "" 0
compact 1
txn put "\u00ff" "x" 0
delete "\u00ff" "b"
put "b" "x" 4611686018427387905
delete "a" "\u0000"
txn put "a" "yy" 0 ; put "\u00ff" "x" 0
txn delete "aa" "" ; delete "c\u0000" "" ; put "\u00ff" "yy" 0
revoke 1
put "aa" "" 0
delete "aa" "b"
txn delete "aa" ""
txn put "d" "z*300" 0 ; put "aa" "" 0
delete "b" ""
compact 4
delete "aa" "b"
txn put "\u00ff" "" 0 ; put "b" "yy" 0
hash 4 4 2953288826
hash 5 4 1649070284
hash 6 4 3450222490
hash 7 4 3919798701
hash 8 4 2709661737
hash 9 4 2668726917
hash 10 4 1361427073
hash 11 4 2176641090
hash 12 4 775212384
hash 13 4 783032810
hash 0 4 783032810
`,
  String.raw`
txn put "\u00ff" "yy" 0
txn put "a" "z*300" 0 ; delete "\u00ff" ""
grant 1
compact 2
delete "d" ""
put "c\u0000" "z*300" 0
txn delete "c\u0000" "" ; put "a" "z*300" 0 ; put "b" "x" 0
put "\u00ff" "x" 1
delete "c\u0000" ""
delete "b" ""
hash 7 2 1043957381
revoke 1
delete "c\u0000" ""
txn delete "aa" ""
put "b" "z*300" 0
compact 5
txn delete "aa" "" ; delete "\u00ff" ""
delete "b" "\u0000"
grant -2
compact 7
delete "d" "\u0000"
hash 7 7 500955179
hash 8 7 1638544966
hash 9 7 3908538239
hash 10 7 322914550
hash 0 7 322914550
`,
  String.raw`
compact 1
hash 0 1 1084519789
txn delete "aa" "" ; put "d" "x" -2
txn delete "\u00ff" ""
grant 1
delete "c\u0000" ""
put "c\u0000" "z*300" 0
put "a" "yy" 0
txn delete "a" "" ; delete "b" ""
txn delete "d" "" ; put "aa" "yy" 0
txn put "\u00ff" "yy" 0 ; put "a" "x" 4611686018427387905
txn put "c\u0000" "z*300" 0 ; delete "b" ""
put "\u00ff" "x" 0
compact 3
grant -2
txn delete "b" ""
delete "c\u0000" ""
grant 4611686018427387905
hash 3 3 1074131438
hash 4 3 569653546
hash 5 3 3305295459
hash 6 3 1871508177
hash 7 3 414558504
hash 8 3 797453722
hash 0 3 797453722
`,
  String.raw`
delete "\u00ff" "b"
txn put "\u00ff" "yy" 1 ; put "a" "z*300" 1
txn put "b" "z*300" 0 ; put "\u00ff" "yy" 4611686018427387905
delete "aa" ""
put "\u00ff" "" 0
txn put "c\u0000" "x" 4611686018427387905 ; put "a" "z*300" 0 ; put "b" "x" 0
txn put "aa" "" 0
txn put "c\u0000" "yy" 0
put "c\u0000" "yy" -2
put "b" "x" 0
delete "\u00ff" ""
compact 2
hash 5 2 1972470531
delete "b" "b"
hash 4 2 3741330621
txn put "\u00ff" "z*300" 1 ; put "c\u0000" "x" 0
compact 4
txn put "b" "x" 0 ; put "a" "z*300" 0
grant 1
txn put "a" "z*300" 1 ; delete "c\u0000" ""
hash 4 4 3741330621
hash 5 4 1972470531
hash 6 4 30419299
hash 7 4 3415148483
hash 8 4 3395021966
hash 0 4 3395021966
`,
  String.raw`
put "a" "1"
txn put "a" "2" ; put "b" "1" ; put "c" "1"
put "c" "2"
put "b" "2"
txn put "c" "3" ; put "b" "3"
put "b" "4"
put "c" "4"
compact 3
hash 3 3 2897053447
hash 4 3 2880933456
hash 5 3 2598506151
hash 6 3 837718606
hash 7 3 730029831
hash 8 3 168140345
compact 6
hash 6 6 734254099
hash 7 6 1711191546
hash 8 6 3781591178
`,
];
