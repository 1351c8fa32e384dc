// Owns all that may differ between two runs of the same script, and why: each is replaced by a word that is
// the same for every server. What is not in this list is compared to the letter.

interface NormalForm {
  readonly what: string;
  readonly why: string;
  readonly pattern: RegExp;
  readonly word: string;
}

const NUMBER = String.raw`\d[\d.]*`;

/** Applied in this order, after addresses and ids have got their names. */
export const NORMAL_FORMS: readonly NormalForm[] = [
  {
    what: "spaces before the ids of members and clusters",
    why: "ids have up to 16 digits, and are shown as wide",
    pattern: /(?<=^Member|cluster) +(?=id\d)/gm,
    word: " ",
  },
  {
    what: "the frames and widths of tables",
    why: "columns are as wide as addresses, names and sizes",
    pattern: /(?<=^[+|].*)(?: +(?= )|-+(?=-))/gm,
    word: "",
  },
  {
    what: "the lines that etcdctl logs",
    why: "retries, with the time; they are in JSON, or begin with the time",
    pattern: /^(?:\{"level".*|\d{4}[-/]\d\d[-/]\d\d.*)$/gm,
    word: "",
  },
  {
    what: "what etcd says of its snapshot: a hash, a revision, keys, a size",
    why: "of its database file, which holds random names of locks",
    pattern: /^[0-9a-f]{1,8}, \d+, \d+, \d+ kB$/gm,
    word: "HASH, N, N, SIZE",
  },
  {
    what: "how long something took",
    why: "time",
    pattern: /took ?=? [\d.]+[mµn]?s\b|"took":"[^"]*"|"Took" : \S+|(?<=\| )[\d.]+[mµn]?s(?= \|)/g,
    word: "TOOK",
  },
  {
    what: "seconds that a lease has left",
    why: "time",
    pattern: /remaining\(\d+s\)|"ttl":\d+|"TTL" : \d+/g,
    word: "LEFT",
  },
  {
    what: "terms and indexes of Raft",
    why: "elections and entries of its own",
    pattern: /("raft\w*":|"Raft\w*" : |"revision_term":)\d+/g,
    word: "$1N",
  },
  {
    what: "a line of `endpoint status`: version, size, and Raft's numbers",
    why: "another version answers, in another database",
    pattern: new RegExp(
      String.raw`(, |\| )${NUMBER}(, |\s\| )${NUMBER} [kM]?B(.*?)(?:, \d+|\| +\d+ ){3}`,
      "g",
    ),
    word: "$1VERSION$2SIZE$3 N N N",
  },
  {
    what: "version and sizes of `endpoint status` in JSON and as fields",
    why: "the same",
    pattern: /("version":|"Version" : )"[\d.]+"|("dbSize\w*":|"DBSize\w*" : )\d+/g,
    word: "$1$2N",
  },
  {
    what: "what a new member of etcd is to be started with",
    why: "names and addresses of all members; ours is not started by hand",
    pattern: /(?<=^ETCD_INITIAL_CLUSTER=).*/gm,
    word: "MEMBERS",
  },
  {
    what: "etcdctl's own help, where it does not know a flag",
    why: "the server has no part in it",
    pattern: /^NAME:\n[^]*?(?=^Error:)/gm,
    word: "HELP\n",
  },
  {
    what: "names and addresses of members",
    why: "ours are regions and generations; a name is in lists, a peer URL too",
    pattern:
      /(?<=started(?:, | \| ))\S+(?:, | \| )\S+(?=,| \|)|"name":"[^"]*","peerURLs":\["[^"]*"\]|(?<="(?:Name|PeerURL)" : )"[^"]*"/g,
    word: "NAME",
  },
];
