import type { ChangesOf } from "./transport.ts";

/**
 * What a list may conclude from how its channels came back (SPEC H2): whether it is whole once they have told what they missed, or has to be
 * asked for. Single-threaded.
 */
export class Comeback {
  /** Channels that went on where they were since trust was lost; true: they have told what was missed. */
  readonly #resumed = new Map<ChangesOf, boolean>();
  /** Whether nothing is missing but what the channels missed. */
  #isWhole = false;
  /** Whether some of that is known by an answer already. */
  #isAnswered = false;
  /** Whether only an answer says what a change has made of the list. */
  isOwed = false;

  /** @param isWhole whether the rows are those of the place where the channels go on */
  begin(isWhole: boolean): void {
    this.#isWhole = isWhole;
    this.#isAnswered = false;
    this.#resumed.clear();
  }

  /** Trust is lost. @param wasWhole of a list that was live: nothing was missing until now */
  lost(wasWhole: boolean): void {
    this.begin(this.#isWhole || wasWhole);
  }

  /** A channel says how it is. */
  heard(changes: ChangesOf, isJoined: boolean, resumed: boolean): void {
    if (isJoined && resumed) {
      this.#resumed.set(changes, false);
    } else {
      this.#resumed.delete(changes);
      this.#isWhole &&= !isJoined; // what it missed is not told
    }
  }

  /** @returns whether all of so many channels go on, so that nothing has to be asked */
  goesOn(channels: number): boolean {
    this.#isWhole &&= this.#resumed.size === channels;
    return this.#isWhole;
  }

  /** A channel has told what was missed. @returns whether the list waited for that */
  caughtUp(changes: ChangesOf): boolean {
    const waited = this.#isWhole && this.#resumed.has(changes);
    if (this.#resumed.has(changes)) {
      this.#resumed.set(changes, true);
    }
    return waited;
  }

  get isCatchingUp(): boolean {
    return this.#isWhole && [...this.#resumed.values()].some((caughtUp) => !caughtUp);
  }

  /** Whether changes may come that an answer has told already. */
  get isToldAgain(): boolean {
    return this.#isWhole && this.#isAnswered;
  }

  /** The list was asked for, and answered. */
  answered(): void {
    this.#isAnswered = true;
    this.isOwed = false;
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#isWhole = false;
  }
}
