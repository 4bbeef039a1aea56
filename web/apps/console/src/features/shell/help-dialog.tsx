import { useTranslation } from "react-i18next";
import { Dialog } from "../../ui/overlay.tsx";

const KEYS = [
  [["/"], "search"],
  [["?"], "help"],
  [["G", "B", "A", "C"], "pages"],
  [["↑", "↓"], "lists"],
  [["."], "menu"],
  [["Esc"], "close"],
  [["A", "D"], "answer"],
  [["H", "M", "T", "P", "C", "E"], "verbs"],
] as const;

export function HelpDialog({ isOpen, onClose }: { readonly isOpen: boolean; readonly onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog title={t("help.title")} description={t("help.off")} isOpen={isOpen} onClose={onClose}>
      <dl>
        {KEYS.map(([keys, text]) => (
          <div key={text} className="row" style={{ minHeight: 32 }}>
            <dt className="row" style={{ width: 170, gap: 4 }}>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(`help.${text}`)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
