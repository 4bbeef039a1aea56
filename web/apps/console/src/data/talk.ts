import type { CallSegment } from "./rows.ts";

const IN_HAND: readonly string[] = ["talk", "hold", "consult"];

/** What one agent had of one call. */
export interface InHand {
  /** Milliseconds of the stretches that are over. */
  readonly before: number;
  /** When the present stretch began, in milliseconds since 1970; undefined while there is none. */
  readonly since: number | undefined;
}

/** How long an agent has had a call in hand: by the agent's own segments, so without colleagues' time and without parking. */
export function inHand(segments: readonly CallSegment[], agentId: string): InHand {
  let before = 0;
  let since: number | undefined;
  for (const segment of segments) {
    if (segment.agent_id === agentId && IN_HAND.includes(segment.kind)) {
      if (segment.to_at === null) {
        since = Date.parse(segment.from_at);
      } else {
        before += Date.parse(segment.to_at) - Date.parse(segment.from_at);
      }
    }
  }
  return { before, since };
}

/** The agent who spoke with the customer at a moment: whoever's talk had begun last by then. */
export function speakerAt(segments: readonly CallSegment[], moment: number): string | undefined {
  let speaker: string | undefined;
  let latest = Number.NEGATIVE_INFINITY;
  for (const segment of segments) {
    const from = Date.parse(segment.from_at);
    if (segment.kind === "talk" && from <= moment && from >= latest) {
      speaker = segment.agent_id;
      latest = from;
    }
  }
  return speaker;
}
