/** One hook for the files beside a message: uploads what is added, and gives what is there to whoever sends. */
import { useMutation } from "convex/react";
import type { FunctionReference } from "convex/server";
import { useCallback, useEffect, useReducer, useRef } from "react";
import type { UploadedFile } from "../shared/payload.js";
import type { OpenedUpload } from "../shared/reports.js";
import { sendFile } from "./send-file.js";
import { afterUploadEvent, filesToStart, readyAttachments, type PendingFile } from "./uploads.js";

/** The app's functions as `exposeApi` returned them, e.g. `api.agentFactory`. */
export type UploadFunctions = {
  generateMediaUploadUrlForUserAgent: FunctionReference<
    "mutation",
    "public",
    { consumerUserId: string; agentKey: string; mimeType?: string },
    OpenedUpload
  >;
  discardMediaUploadForUserAgent: FunctionReference<
    "mutation",
    "public",
    { consumerUserId: string; agentKey: string; uploadId: string; storageId?: string },
    boolean
  >;
};

export type UseUploads = {
  /** In the order in which they were added. */
  files: readonly PendingFile[];
  /** Starts to upload them; one that would be refused is listed as failed instead. */
  add: (files: Iterable<File>) => void;
  /** Takes one out, on its way or there, and deletes what of it has arrived. */
  remove: (id: string) => void;
  /** Begins the upload of a failed one anew. */
  retry: (id: string) => void;
  /** Takes those that are ready out of the list, for a message; `restore` puts them back when it was refused. */
  take: () => { attachments: UploadedFile[]; restore: () => void };
};

/** What is neither sent nor removed when the page goes is deleted by the deployment a day later. */
export function useUploads(
  functions: UploadFunctions,
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
): UseUploads {
  const [files, dispatch] = useReducer(afterUploadEvent, []);
  const open = useMutation(functions.generateMediaUploadUrlForUserAgent);
  const discard = useMutation(functions.discardMediaUploadForUserAgent);
  const running = useRef(new Map<string, AbortController>());
  const nextId = useRef(0);

  const upload = useCallback(
    async ({ id, file }: PendingFile): Promise<void> => {
      const controller = new AbortController();
      const { signal } = controller;
      running.current.set(id, controller);
      dispatch({ type: "started", id });
      let uploadId: string | null = null;
      const forget = (storageId?: string) => {
        if (uploadId === null) return;
        const known = { consumerUserId, agentKey, uploadId, ...(storageId === undefined ? {} : { storageId }) };
        // Nobody waits for it: what cannot be discarded expires.
        discard(known).catch(() => undefined);
      };
      try {
        const mimeType = file.type === "" ? {} : { mimeType: file.type };
        const opened = await open({ consumerUserId, agentKey, ...mimeType });
        uploadId = opened.uploadId;
        dispatch({ type: "opened", id, uploadId });
        const onProgress = (progress: number) => dispatch({ type: "progressed", id, progress });
        const storageId = await sendFile(file, opened, { signal, onProgress });
        // Removed at the last moment.
        if (signal.aborted) forget(storageId);
        else dispatch({ type: "stored", id, storageId });
      } catch (error) {
        forget();
        if (!signal.aborted) dispatch({ type: "failed", id, error });
      } finally {
        running.current.delete(id);
      }
    },
    [open, discard, consumerUserId, agentKey],
  );

  useEffect(() => {
    for (const file of filesToStart(files)) if (!running.current.has(file.id)) void upload(file);
  }, [files, upload]);

  useEffect(() => {
    const controllers = running.current;
    return () => {
      for (const controller of controllers.values()) controller.abort();
    };
  }, []);

  const add = useCallback<UseUploads["add"]>((added) => {
    dispatch({ type: "added", files: Array.from(added, (file) => ({ id: String(nextId.current++), file })) });
  }, []);
  const remove = useCallback<UseUploads["remove"]>(
    (id) => {
      running.current.get(id)?.abort();
      const file = files.find((candidate) => candidate.id === id);
      if (file?.state === "ready" && file.uploadId !== null && file.storageId !== null) {
        const { uploadId, storageId } = file;
        discard({ consumerUserId, agentKey, uploadId, storageId }).catch(() => undefined);
      }
      dispatch({ type: "removed", id });
    },
    [files, discard, consumerUserId, agentKey],
  );
  const retry = useCallback<UseUploads["retry"]>((id) => dispatch({ type: "retried", id }), []);
  const take = useCallback<UseUploads["take"]>(() => {
    const taken = files.filter(({ state }) => state === "ready");
    dispatch({ type: "taken", ids: taken.map(({ id }) => id) });
    return { attachments: readyAttachments(taken), restore: () => dispatch({ type: "restored", files: taken }) };
  }, [files]);
  return { files, add, remove, retry, take };
}
