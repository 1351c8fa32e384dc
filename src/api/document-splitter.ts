// Owns cutting a stream of text into JSON documents, for requests that stream: several documents
// one after another, cut anywhere into chunks. It looks at brackets and quotes only; whether a
// document is valid is the reader's affair.

/**
 * Takes chunks, gives back each document as soon as it is complete. A document begins with its
 * first character that is not whitespace and ends with the bracket that closes it; text that does
 * not begin with a bracket ends at the line's end, so that it is refused soon.
 */
export class DocumentSplitter {
  readonly #lengthMax: number;
  #pending = "";
  #scanned = 0;
  #depth = 0;
  #quoted = false;

  /** `lengthMax` bounds what is kept of a document that does not end. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** A document has become longer than allowed; nothing further is accepted. */
  get isOverlong(): boolean {
    return this.#pending.length > this.#lengthMax;
  }

  /** What has come of a document that has not ended. */
  get unfinished(): string {
    return this.#pending;
  }

  /** The documents that `chunk` completes, in order. */
  push(chunk: string): string[] {
    if (this.isOverlong) return [];
    this.#pending += chunk;
    const documents: string[] = [];
    for (let document = this.#take(); document !== null; document = this.#take()) {
      documents.push(document);
    }
    return documents;
  }

  /** What is left when the stream has ended: an unfinished document, or null. */
  finish(): string | null {
    const rest = this.#pending.trim();
    this.#pending = "";
    return rest === "" ? null : rest;
  }

  #take(): string | null {
    if (this.#scanned === 0) this.#pending = this.#pending.trimStart();
    while (this.#scanned < this.#pending.length) {
      const length = this.#scan();
      if (length === null) continue;
      const document = this.#pending.slice(0, length);
      this.#pending = this.#pending.slice(length);
      this.#scanned = 0;
      return document;
    }
    return null;
  }

  /** Looks at one character; the document's length when it was the last. */
  #scan(): number | null {
    const character = this.#pending[this.#scanned++];
    if (this.#quoted) {
      // The escaped character may lie in the next chunk: being ahead by one covers that.
      if (character === "\\") this.#scanned++;
      else if (character === '"') this.#quoted = false;
      return null;
    }
    if (character === '"') this.#quoted = true;
    else if (character === "{" || character === "[") this.#depth++;
    else if (character === "}" || character === "]") this.#depth--;
    else if (this.#depth > 0 || character !== "\n") return null;
    if (this.#quoted || this.#depth > 0) return null;
    this.#depth = 0;
    return this.#scanned;
  }
}
