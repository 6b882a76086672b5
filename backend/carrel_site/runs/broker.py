"""Telling workers that there is something to do. A message carries a run's id, no more."""

from celery import Celery

TASK = "carrel.run"


class Broker:
    """Publishes to the queue named after the kind of worker; losing a message loses nothing."""

    def __init__(self, url: str) -> None:
        self._app = Celery("carrel", broker=url, set_as_current=False)
        self._app.conf.update(
            task_serializer="json",
            accept_content=["json"],
            task_ignore_result=True,
            broker_connection_retry=False,
            broker_transport_options={
                "socket_timeout": 5,
                "socket_connect_timeout": 2,
                "socket_keepalive": True,
                "visibility_timeout": 6 * 3600,
                "max_retries": 1,
            },
        )

    def publish(self, queue: str, run_id: str) -> None:
        """Put the run on `queue`; raises when the broker cannot be reached."""
        self._app.send_task(TASK, args=[run_id], queue=queue, ignore_result=True, retry=False)

    def depth(self, queue: str) -> int:
        """How many messages wait on `queue`; raises when the broker cannot be reached."""
        with self._app.connection_for_write() as connection:
            return int(connection.default_channel.client.llen(queue))

    def purge(self, queue: str) -> None:
        """Drop every message that waits on `queue`; the reaper tells again what matters."""
        with self._app.connection_for_write() as connection:
            connection.default_channel.client.delete(queue)

    def ping(self) -> None:
        """Raise when the broker cannot be reached."""
        with self._app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)

    def close(self) -> None:
        self._app.close()
