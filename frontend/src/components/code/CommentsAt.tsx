import type { LineComment } from "@/api/code";
import { useSession } from "@/api/session";
import { Initials } from "@/components/PersonName";
import { Time } from "@/components/Time";
import classes from "./CommentsAt.module.css";

/** What people said of one line, oldest first. */
export function CommentsAt({ comments }: { comments: readonly LineComment[] }) {
  const { user } = useSession();
  return (
    <ul className={classes.comments} aria-label={`Comments on line ${comments[0]?.line ?? ""}`}>
      {comments.map((comment) => (
        <li key={comment.id} className={classes.comment}>
          <Initials name={comment.author.name} />
          <div>
            <p className={classes.who}>
              <strong title={comment.author.email}>
                {comment.author.id === user.id ? "You" : comment.author.name}
              </strong>{" "}
              <Time at={comment.at} />
            </p>
            <p className={classes.text}>{comment.text}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}
