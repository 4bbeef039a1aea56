import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import { useCallSegments, useQueues, useWrapUpCall, useWrapUpCodes } from "../../data/floor.ts";
import { type EndedCall, otherEnd, type SelfRow } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { inHand } from "../../data/talk.ts";
import { phone } from "../../floor/names.ts";
import { duration, useNow } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";

/** Where an organization has said nothing: any text is a code. */
const DEFAULTS = ["solved", "callback", "refund", "wrong"] as const;

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
  const [said, setSaid] = useState<string | undefined>();
  const own = useWrapUpCodes(call.queue_id);
  const isRequired = useQueues().data.some((queue) => queue.id === call.queue_id && queue.wrap_up_required);
  const codes =
    own === undefined || own.length > 0
      ? (own ?? []).map((one) => ({ code: one.code, label: one.label }))
      : DEFAULTS.map((one) => ({ code: one as string, label: t(`agent.codes.${one}`) }));
  // a code may have its own time: whoever has said theirs is done when they say so
  const isSaid = said !== undefined && said === code;
  const save = async () => {
    if (await commands.wrapUp(call.id, isSaid ? undefined : code)) setSaid(code);
  };
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
          {codes.map((one) => (
            <label key={one.code} data-checked={code === one.code}>
              <input
                type="radio"
                name="code"
                className="sr"
                checked={code === one.code}
                onChange={() => setCode(one.code)}
              />
              {code === one.code && <Icon name="tick" size="xs" />}
              {one.label}
            </label>
          ))}
        </fieldset>
        <button
          type="button"
          className="btn ink"
          disabled={isRequired && code === undefined}
          onClick={() => void save()}
        >
          {t(isSaid ? "agent.finish" : "agent.save")}
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
