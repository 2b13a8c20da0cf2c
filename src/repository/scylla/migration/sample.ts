/** Items chosen at random among all that were offered, each with the same chance. */
export interface Reservoir<T> {
  /** The item is only made when it is chosen. */
  offer(make: () => T): void;
  /** What is chosen so far: all when no more were offered than fit. */
  items(): readonly T[];
}

/** Keeps at most `size` items. */
export function createReservoir<T>(size: number): Reservoir<T> {
  const kept: T[] = [];
  let offered = 0;
  return {
    offer(make) {
      offered += 1;
      if (kept.length < size) kept.push(make());
      else {
        const place = Math.floor(Math.random() * offered);
        if (place < size) kept[place] = make();
      }
    },
    items: () => kept,
  };
}
