"""Rooms of chat services, each by the incoming webhook its service gives out: an address, secret in itself, that takes JSON.

Sources: Slack "Incoming webhooks"; Microsoft "Post a workflow when a webhook request is received in Microsoft Teams" (an
Adaptive Card); Discord "Execute Webhook"; Mattermost "Incoming webhooks"; Google "Send messages to Google Chat with incoming
webhooks".
"""

from __future__ import annotations

import json
from abc import abstractmethod
from types import TracebackType
from typing import Any, Self

from paquebot.options import Option
from paquebot.reporting.notifiers.base import Message, Notifier
from paquebot.reporting.notifiers.posting import TIMEOUT, check_url, post


class ChatNotifier(Notifier):
    """A room that takes text."""

    OPTIONS = (
        Option(
            "url",
            "The address of the room's incoming webhook, as the service gives it out. Whoever knows it can write there.",
            label="Address of the incoming webhook",
            secret=True,
            required=True,
            check=check_url,
        ),
        TIMEOUT,
    )
    MOST_LETTERS = 3000

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        return

    def send(self, message: Message) -> None:
        body = json.dumps(self.written(message.subject, message.text[: self.MOST_LETTERS]), ensure_ascii=False).encode()
        url = self.options["url"].reveal()
        post(self.dial, url, {"Content-Type": "application/json; charset=utf-8"}, body, self.options["timeout_seconds"])

    @abstractmethod
    def written(self, subject: str, text: str) -> dict[str, Any]:
        """What the service takes."""


class SlackNotifier(ChatNotifier):
    """Three letters mean something to Slack, wherever they stand: & < >."""

    NAME = "slack"

    def written(self, subject: str, text: str) -> dict[str, Any]:
        told = f"{subject}\n\n{text}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": told, "mrkdwn": False}


class MattermostNotifier(ChatNotifier):
    NAME = "mattermost"

    def written(self, subject: str, text: str) -> dict[str, Any]:
        return {"text": f"{subject}\n\n{text}"}


class GoogleChatNotifier(ChatNotifier):
    NAME = "google_chat"

    def written(self, subject: str, text: str) -> dict[str, Any]:
        return {"text": f"{subject}\n\n{text}"}


class DiscordNotifier(ChatNotifier):
    """Nobody is called by name, whatever an export is called."""

    NAME = "discord"
    MOST_LETTERS = 1700

    def written(self, subject: str, text: str) -> dict[str, Any]:
        return {"content": f"{subject[:200]}\n\n{text}", "allowed_mentions": {"parse": []}}


class TeamsNotifier(ChatNotifier):
    NAME = "teams"

    def written(self, subject: str, text: str) -> dict[str, Any]:
        blocks = [
            {"type": "TextBlock", "text": subject, "weight": "Bolder", "wrap": True},
            *({"type": "TextBlock", "text": part, "wrap": True} for part in text.strip().split("\n\n")),
        ]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
        }
        attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return {"type": "message", "attachments": [attached]}
