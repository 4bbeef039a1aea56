import { useTranslation } from "react-i18next";
import { useCommands } from "../data/api.ts";
import type { LiveCall } from "../data/rows.ts";
import { Dialog } from "../ui/overlay.tsx";
import { callerName } from "./names.ts";

/** Asks once; Enter confirms. */
export function EndDialog({ call, onClose }: { readonly call: LiveCall | undefined; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const commands = useCommands();
  if (!call) {
    return null;
  }
  const end = () => {
    onClose();
    void commands.verb(call.id, "end");
  };
  return (
    <Dialog title={t("end.title", { name: callerName(call) })} isOpen onClose={onClose}>
      <div className="row" style={{ justifyContent: "flex-end" }}>
        <button type="button" className="btn" onClick={onClose}>
          {t("end.cancel")}
        </button>
        {/* biome-ignore lint/a11y/noAutofocus: the dialog asks one thing, and Enter answers it */}
        <button type="button" className="btn endcall" onClick={end} autoFocus>
          {t("end.confirm")}
        </button>
      </div>
    </Dialog>
  );
}
