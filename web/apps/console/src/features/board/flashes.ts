/** At most so many rows are marked a second; beyond it none, until it calms (DESIGN 5). */
const MOST_PER_SECOND = 12;

let second = 0;
let count = 0;

export function mayFlash(now: number): boolean {
  const current = Math.floor(now / 1_000);
  if (current !== second) {
    second = current;
    count = 0;
  }
  return ++count <= MOST_PER_SECOND;
}
