import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";

import { itemQuery, type MockRun, type OutputItem, type Side } from "@/api/code";
import { ErrorState } from "@/components/ErrorState";
import { Icon } from "@/components/Icon";
import { LoadingState } from "@/components/LoadingState";
import { formatBytes } from "@/lib/format";
import { fileName, fromBase64, kindWords, readItem, tableToCsv } from "@/lib/outputItem";
import { ItemContent, type CellMark } from "./ItemContent";
import classes from "./Items.module.css";

interface FrameProps {
  item: OutputItem;
  bytes: Uint8Array | undefined;
  /** Beside its name: a state, a choice. */
  mark?: ReactNode;
  children: ReactNode;
}

/** An item under its name, with its downloads. */
export function ItemFrame({ item, bytes, mark, children }: FrameProps) {
  return (
    <div className={classes.item} role="group" aria-label={item.name}>
      <header className={classes.top}>
        <div>
          <h3>{item.name}</h3>
          <p className={classes.kind}>
            {kindWords(item)}, {formatBytes(item.size)}
          </p>
        </div>
        <div className={classes.tools}>
          {mark}
          {bytes && <Downloads item={item} bytes={bytes} />}
        </div>
      </header>
      {children}
    </div>
  );
}

function Downloads({ item, bytes }: { item: OutputItem; bytes: Uint8Array }) {
  const name = fileName(item);
  return (
    <>
      {item.kind === "table" && (
        <Button
          variant="default"
          size="compact-md"
          leftSection={<Icon name="download" size={16} />}
          onClick={() => {
            const content = readItem(item, bytes);
            if (content.kind !== "table") return;
            save(name.replace(/\.json$/, ".csv"), tableToCsv(content.table), "text/csv");
          }}
        >
          CSV<span className="visually-hidden"> of {item.name}</span>
        </Button>
      )}
      <Button
        variant="default"
        size="compact-md"
        leftSection={<Icon name="download" size={16} />}
        onClick={() => save(name, bytes as BlobPart, "application/octet-stream")}
      >
        {name.split(".").at(-1)?.toUpperCase()}
        <span className="visually-hidden"> of {item.name}</span>
      </Button>
    </>
  );
}

/** Offers bytes that are here as a file; nothing leaves the browser. */
function save(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** What is larger is fetched when somebody asks for it. */
const SHOWN_AT_ONCE = 4_000_000;

interface ItemProps {
  side: Side;
  runId: string;
  item: OutputItem;
  mark?: ReactNode;
  marks?: ReadonlyMap<string, CellMark>;
  children?: ReactNode;
}

/** An item whose bytes the site has: fetched with the session, and shown. */
export function SiteItem({ side, runId, item, mark, marks, children }: ItemProps) {
  const [wanted, setWanted] = useState(item.size <= SHOWN_AT_ONCE);
  const content = useQuery({ ...itemQuery(side, runId, item), enabled: wanted });
  return (
    <ItemFrame item={item} bytes={content.data} mark={mark}>
      {!wanted && (
        <div>
          <Button variant="default" size="compact-md" onClick={() => setWanted(true)}>
            Fetch {item.name}, {formatBytes(item.size)}
          </Button>
        </div>
      )}
      {wanted && content.isPending && <LoadingState what={item.name} rows={3} />}
      {content.isError && (
        <ErrorState error={content.error} onRetry={() => void content.refetch()} />
      )}
      {content.data && (
        <ItemContent item={item} bytes={content.data} {...(marks ? { marks } : {})} />
      )}
      {children}
    </ItemFrame>
  );
}

/** What a run on made-up rows returned: its bytes came with it. */
export function MockItems({ run }: { run: MockRun }) {
  if (run.items.length === 0) return <p className="soft">It returned nothing.</p>;
  return run.items.map(({ item, content }) => <MockItem key={item.name} item={item} content={content} />);
}

function MockItem({ item, content }: { item: OutputItem; content: string }) {
  const bytes = useMemo(() => fromBase64(content), [content]);
  return (
    <ItemFrame item={item} bytes={bytes}>
      <ItemContent item={item} bytes={bytes} />
    </ItemFrame>
  );
}
