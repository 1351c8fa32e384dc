// Owns the figures of a fault test: what was measured, by name, and how it is printed.

export function percentile(values: readonly number[], share: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.ceil(share * ascending.length) - 1]!;
}

/** Milliseconds by what they measure. */
export class Figures {
  readonly #values = new Map<string, number[]>();

  note(name: string, milliseconds: number): void {
    const values = this.#values.get(name) ?? [];
    values.push(milliseconds);
    this.#values.set(name, values);
  }

  of(name: string): readonly number[] {
    return this.#values.get(name) ?? [];
  }

  /** One line for each name: how often, median, 99th percentile, greatest. */
  print(): string {
    const line = ([name, values]: [string, number[]]): string => {
      const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(values, share).toFixed(0));
      return `${name}, ms: p50 ${p50}, p99 ${p99}, max ${most} (${values.length} times)`;
    };
    return [...this.#values].map(line).join("\n");
  }
}
