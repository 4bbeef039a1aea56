import { playTone } from "@switchboard/react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useIncomingCalls, useLiveCalls } from "../../data/floor.ts";
import { usePreferences } from "../../data/preferences.ts";
import { useSession } from "../../data/session.tsx";
import { callerName } from "../../floor/names.ts";

const RING_MS = 3_000;

/** Who looks elsewhere notices too that a call rings: by the tab's title, by ear, and on the desktop where that is wanted. */
export function IncomingAlarm({ title }: { readonly title: string }) {
  const { t } = useTranslation();
  const { userId } = useSession();
  const { preferences } = usePreferences();
  const incoming = useIncomingCalls();
  const calls = useLiveCalls().data;
  const count = incoming.length;
  useEffect(() => {
    document.title = count > 0 ? `(${count}) ${title}` : title;
  }, [count, title]);

  const isBusy = calls.some(({ claimed_by }) => claimed_by === userId);
  const rings = count > 0 && !isBusy && preferences.sound;
  useEffect(() => {
    if (rings) {
      playTone();
      const timer = setInterval(playTone, RING_MS);
      return () => clearInterval(timer);
    }
  }, [rings]);

  const newest = incoming.at(-1)?.callId;
  const call = calls.find(({ id }) => id === newest);
  const announcement = call && preferences.desktop ? t("incoming.announce", { name: callerName(call) }) : undefined;
  useEffect(() => {
    if (announcement !== undefined && document.hidden && globalThis.Notification?.permission === "granted") {
      const shown = new Notification(announcement, { tag: `call:${newest}` });
      return () => shown.close();
    }
  }, [newest, announcement]);
  return null;
}
