import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";

import { api, unwrap } from "@/api/client";
import { useSession } from "@/api/session";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { ErrorNote } from "@/components/ErrorState";
import { Time } from "@/components/Time";
import { useSubmit } from "@/hooks/useSubmit";
import { formatBytes, formatDuration } from "@/lib/format";
import { ChooseButton, FilePicker } from "./FilePicker";
import { ProgressBar } from "./ProgressBar";
import { said } from "./said";
import { differs, rememberedName } from "./sameFile";
import {
  abandonTransfer,
  continueTransfer,
  dismissTransfer,
  pauseTransfer,
  resumeTransfer,
  startTransfer,
  useTransfers,
  type Purpose,
  type Transfer,
  type Upload,
} from "./transfers";
import classes from "./UploadPanel.module.css";

interface Props {
  dataset: { id: string; name: string };
  purpose: Purpose;
  /** Of the place to drop a file on. */
  title: string;
  children?: ReactNode;
}

/** Everything about sending a file: choosing it, how far it is, and what was left unfinished. */
export function UploadPanel({ dataset, purpose, title, children }: Props) {
  const { user } = useSession();
  const client = useQueryClient();
  const transfers = useTransfers(dataset.id, purpose);
  const uploads = useQuery({
    queryKey: ["dataset", dataset.name, "uploads"],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset}/uploads", {
          params: { path: { dataset: dataset.name } },
          signal,
        }),
      ),
  });
  const begin = useSubmit((file: File) => startTransfer(dataset.id, purpose, file, user.id));
  const finished = transfers.filter((each) => each.state === "done").length;
  useEffect(() => {
    if (finished > 0) void client.invalidateQueries({ queryKey: ["dataset", dataset.name] });
  }, [finished, client, dataset.name]);

  const here = new Set(transfers.map((each) => each.id));
  const left = (uploads.data ?? []).filter(
    (upload) => upload.purpose === purpose && upload.state === "open" && !here.has(upload.id),
  );
  const busy = transfers.some((each) => each.state !== "done" && each.state !== "failed");
  return (
    <div className={classes.panel}>
      {transfers.map((transfer) => (
        <TransferCard key={transfer.id} transfer={transfer} person={user.id} />
      ))}
      {left.map((upload) => (
        <UnfinishedCard key={upload.id} upload={upload} person={user.id} dataset={dataset.name} />
      ))}
      {!busy && left.length === 0 && (
        <FilePicker title={title} onFile={(file) => void begin.submit(file)}>
          {children}
        </FilePicker>
      )}
      {begin.error && <ErrorNote error={begin.error} />}
    </div>
  );
}

const WORDS: Record<Transfer["state"], string> = {
  sending: "Uploading",
  paused: "Paused",
  waiting: "The site does not answer; trying again by itself",
  completing: "All sent; the site checks the file",
  done: "Uploaded. A worker reads it in",
  failed: "Stopped",
};

function TransferCard({ transfer, person }: { transfer: Transfer; person: string }) {
  const [ending, setEnding] = useState(false);
  const { state, offset, size, rate } = transfer;
  const left = rate && rate > 0 ? ((size - offset) / rate) * 1000 : null;
  return (
    <section className={classes.card} aria-label={`Upload of ${transfer.fileName}`}>
      <div className={classes.top}>
        <span className={classes.name}>{transfer.fileName}</span>
        <span role="status">{WORDS[state]}</span>
      </div>
      <ProgressBar
        share={size === 0 ? 1 : offset / size}
        label={`${transfer.fileName}, sent`}
        stopped={state === "paused" || state === "waiting" || state === "failed"}
      />
      <div className={classes.figures}>
        <span>
          {formatBytes(offset)} of {formatBytes(size)} (
          {size === 0 ? 100 : Math.floor((100 * offset) / size)} %)
        </span>
        {state === "sending" && rate !== null && (
          <span>
            {formatBytes(rate)} a second{left !== null && `, about ${formatDuration(left)} left`}
          </span>
        )}
      </div>
      {transfer.error && state === "failed" && <ErrorNote error={transfer.error} />}
      {state !== "completing" && (
        <div className={classes.buttons}>
          {state === "sending" && (
            <Button variant="default" onClick={() => pauseTransfer(transfer.id)}>
              Pause
            </Button>
          )}
          {(state === "paused" || state === "failed") && (
            <Button variant="default" onClick={() => continueTransfer(transfer.id)}>
              {state === "paused" ? "Go on" : "Try again"}
            </Button>
          )}
          {state === "done" ? (
            <Button variant="default" onClick={() => dismissTransfer(transfer.id)}>
              Hide
            </Button>
          ) : (
            <Button variant="subtle" color="brick" onClick={() => setEnding(true)}>
              Discard
            </Button>
          )}
        </div>
      )}
      {ending && (
        <ConfirmDialog
          title="Discard this upload?"
          confirm="Discard"
          danger
          onConfirm={() => abandonTransfer(transfer.id, person)}
          onClose={() => setEnding(false)}
        >
          What has arrived is deleted from the site. Your own file stays as it is.
        </ConfirmDialog>
      )}
    </section>
  );
}

function UnfinishedCard({
  upload,
  person,
  dataset,
}: {
  upload: Upload;
  person: string;
  dataset: string;
}) {
  const client = useQueryClient();
  const [ending, setEnding] = useState(false);
  const name = rememberedName(person, upload.id);
  const whole = upload.offset >= upload.size;
  const goOn = useSubmit(async (file: File) => {
    const difference = await differs(person, upload, file);
    if (difference !== null) {
      throw said(difference, "Choose the file that the upload began with, or discard the upload.");
    }
    // The site may have more of it by now than when the page was opened.
    resumeTransfer(
      await unwrap(
        api.GET("/api/v1/uploads/{upload_id}", { params: { path: { upload_id: upload.id } } }),
      ),
      file,
    );
  });
  return (
    <section className={classes.card} aria-label="Unfinished upload">
      <div className={classes.top}>
        <span className={classes.name}>{name ?? "A file"}, unfinished</span>
        <span className="soft">
          begun <Time at={upload.created_at} />, kept until <Time at={upload.expires_at} absolute />
        </span>
      </div>
      <ProgressBar share={upload.offset / upload.size} label="Sent so far" stopped />
      <div className={classes.figures}>
        <span>
          {formatBytes(upload.offset)} of {formatBytes(upload.size)} have arrived
        </span>
      </div>
      <p className="soft">
        {whole
          ? "All of it has arrived, and only the last step is missing. "
          : "It goes on where it stopped. "}
        A browser forgets files when a page is closed or reloaded, so choose{" "}
        {name ? <strong>{name}</strong> : "the same file"} again.
      </p>
      {goOn.error && <ErrorNote error={goOn.error} />}
      <div className={classes.buttons}>
        <ChooseButton
          choose={goOn.busy ? "Comparing…" : "Choose the file again"}
          onFile={(file) => void goOn.submit(file)}
        />
        <Button variant="subtle" color="brick" onClick={() => setEnding(true)}>
          Discard
        </Button>
      </div>
      {ending && (
        <ConfirmDialog
          title="Discard this upload?"
          confirm="Discard"
          danger
          onConfirm={async () => {
            await abandonTransfer(upload.id, person);
            await client.invalidateQueries({ queryKey: ["dataset", dataset, "uploads"] });
          }}
          onClose={() => setEnding(false)}
        >
          What has arrived is deleted from the site. Your own file stays as it is.
        </ConfirmDialog>
      )}
    </section>
  );
}
