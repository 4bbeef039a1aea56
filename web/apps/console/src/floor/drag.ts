import { type DragEvent, useState } from "react";

const TYPE = "application/x-switchboard-call";

/** A row that carries its call along. */
export function draggableCall(callId: string, enabled: boolean) {
  return {
    draggable: enabled,
    onDragStart: (event: DragEvent) => {
      event.dataTransfer.setData(TYPE, callId);
      event.dataTransfer.effectAllowed = "move";
    },
  };
}

/** A place that takes a call which is let go over it. */
export function useDrop(onDrop: (callId: string) => void, enabled: boolean) {
  const [isOver, setOver] = useState(false);
  if (!enabled) {
    return { isOver: false, handlers: {} };
  }
  const handlers = {
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer.types.includes(TYPE)) {
        event.preventDefault();
        setOver(true);
      }
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      onDrop(event.dataTransfer.getData(TYPE));
    },
  };
  return { isOver, handlers };
}
