import type { Row } from "@switchboard/client";
import { useLiveRow } from "@switchboard/react";
import { useSession } from "./session.tsx";

interface Profile extends Row {
  readonly id: string;
  readonly display_name: string;
}

/** The signed-in user's own profile. */
export function useSelfProfile(): Profile | null {
  const { userId } = useSession();
  return useLiveRow<Profile>((sb) => sb.from("profiles").select("*").eq("id", userId), [userId]).data;
}
