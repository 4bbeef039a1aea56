import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import { useCallSegments, useWrapUpCall } from "../../data/floor.ts";
import { type EndedCall, otherEnd, type SelfRow } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { inHand } from "../../data/talk.ts";
import { phone } from "../../floor/names.ts";
import { duration, useNow } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";

const CODES = ["solved", "callback", "refund", "wrong"] as const;

/** After a call: what it was about, within the time that is left. */
export function WrapUpPanel({ self }: { readonly self: SelfRow }) {
  const call = useWrapUpCall();
  return self.work_state === "wrap_up" && call ? <WrapUp key={call.id} call={call} until={self.wrap_up_until} /> : null;
}

function WrapUp({ call, until }: { readonly call: EndedCall; readonly until: string | null }) {
  const { t } = useTranslation();
  const commands = useCommands();
  const { userId } = useSession();
  const segments = useCallSegments(call.id).data;
  const [code, setCode] = useState<string | undefined>();
  return (
    <Panel title={t("agent.wrapUp")} className="wrap" actions={until && <Countdown until={until} />}>
      <div className="body">
        <div className="row" style={{ justifyContent: "space-between" }}>
          <span className="mid cut">{call.company_name ?? phone(otherEnd(call))}</span>
          {segments.length > 0 && (
            <span className="faint num">{duration(Math.round(inHand(segments, userId).before / 1_000))}</span>
          )}
        </div>
        <fieldset className="codes" aria-label={t("agent.codeLabel")}>
          {CODES.map((one) => (
            <label key={one} data-checked={code === one}>
              <input type="radio" name="code" className="sr" checked={code === one} onChange={() => setCode(one)} />
              {code === one && <Icon name="tick" size="xs" />}
              {t(`agent.codes.${one}`)}
            </label>
          ))}
        </fieldset>
        <button type="button" className="btn ink" onClick={() => void commands.wrapUp(call.id, code)}>
          {t("agent.save")}
        </button>
      </div>
    </Panel>
  );
}

function Countdown({ until }: { readonly until: string }) {
  const { t } = useTranslation();
  const left = Math.max(0, Math.ceil((Date.parse(until) - useNow()) / 1_000));
  return (
    <span className="state st-wrapup" style={{ paddingRight: 6, fontSize: 12 }}>
      {t("agent.left", { time: duration(left) })}
    </span>
  );
}
