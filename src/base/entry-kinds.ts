// Owns the division of entry kinds between consensus and state machine. A replica that meets a kind
// it does not know halts: skipping an entry would let its state part from the others'.

/** Opens a term and names its leader; changes no state. */
export const ENTRY_LEADER = 0;

/** Changes who takes part (Raft §6); begins with the configuration, the rest is the state machine's. */
export const ENTRY_CONFIGURATION = 1;

/** Kinds from here on are the state machine's. */
export const ENTRY_COMMAND_MIN = 16;
