"""The topics as data: who owns them, how they are keyed, what they carry, for how long."""

from dataclasses import dataclass
from datetime import timedelta

from libs.contracts import context, credits, gateway, research
from libs.contracts.envelope import Message


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic. `key` names what shares a partition, and so keeps its order."""

    name: str
    owner: str
    key: str
    retention: timedelta
    messages: tuple[type[Message], ...]
    public: bool = False


def dead_letters(topic: str) -> str:
    """The topic for messages of `topic` that their consumer can never handle."""
    return f"{topic}.dead"


COMMANDS_KEPT = timedelta(days=1)
WORK_KEPT = timedelta(days=1)
EVENTS_KEPT = timedelta(days=30)
DEAD_LETTERS_KEPT = timedelta(days=30)

CONTEXT_COMMANDS = Topic(
    "context.commands.v1", "context", "user", COMMANDS_KEPT, (context.ContextRegenerateRequested,)
)
CONTEXT_TASKS = Topic("context.tasks.v1", "context", "run", WORK_KEPT, (context.ContextTask,))
CONTEXT_WORK = Topic(
    "context.work.v1",
    "context",
    "run",
    WORK_KEPT,
    (
        context.ContextStepStarted,
        context.ContextSourceRecorded,
        context.ContextDraftProduced,
        context.ContextWorkFailed,
    ),
)
CONTEXT_EVENTS = Topic(
    "context.events.v1",
    "context",
    "user",
    EVENTS_KEPT,
    (
        context.ContextRegenerateStarted,
        context.ContextRegenerated,
        context.ContextRegenerateFailed,
        context.ContextRegenerateRolledBack,
    ),
    public=True,
)
RESEARCH_COMMANDS = Topic(
    "research.commands.v1", "research", "person", COMMANDS_KEPT, (research.ResearchRunRequested,)
)
RESEARCH_TASKS = Topic("research.tasks.v1", "research", "run", WORK_KEPT, (research.ResearchTask,))
RESEARCH_WORK = Topic(
    "research.work.v1",
    "research",
    "run",
    WORK_KEPT,
    (
        research.ResearchStepStarted,
        research.ResearchSourceRecorded,
        research.ResearchReportProduced,
        research.ResearchWorkFailed,
    ),
)
RESEARCH_EVENTS = Topic(
    "research.events.v1",
    "research",
    "person",
    EVENTS_KEPT,
    (
        research.ResearchRunStarted,
        research.ResearchRunCompleted,
        research.ResearchRunFailed,
        research.ResearchRunCancelled,
        research.ResearchRunRolledBack,
        research.ResearchPersonDeleted,
    ),
    public=True,
)
CREDITS_COMMANDS = Topic(
    "credits.commands.v1",
    "credits",
    "account",
    COMMANDS_KEPT,
    (credits.CreditHoldRequested, credits.CreditCaptureRequested, credits.CreditReturnRequested),
)
CREDITS_EVENTS = Topic(
    "credits.events.v1",
    "credits",
    "account",
    EVENTS_KEPT,
    (
        credits.CreditHeld,
        credits.CreditHoldDeclined,
        credits.CreditCharged,
        credits.CreditVoided,
        credits.CreditRefunded,
        credits.CreditGranted,
    ),
    public=True,
)
GATEWAY_REPLIES = Topic(
    "gateway.replies.v1", "gateway", "partition", timedelta(hours=1), (gateway.Reply,)
)

TOPICS = (
    CONTEXT_COMMANDS,
    CONTEXT_TASKS,
    CONTEXT_WORK,
    CONTEXT_EVENTS,
    RESEARCH_COMMANDS,
    RESEARCH_TASKS,
    RESEARCH_WORK,
    RESEARCH_EVENTS,
    CREDITS_COMMANDS,
    CREDITS_EVENTS,
    GATEWAY_REPLIES,
)

BURIED = (
    CONTEXT_COMMANDS,
    CONTEXT_WORK,
    RESEARCH_COMMANDS,
    RESEARCH_WORK,
    CREDITS_COMMANDS,
    CREDITS_EVENTS,
)
"""The topics that a router consumes, and so those with dead letters.

Tasks have none, since the owner of a run sends its task again; nor have replies, since
who waits for one asks the owner; nor events that only others read.
"""

TOPIC_OF: dict[str, Topic] = {
    message.type_name(): topic for topic in TOPICS for message in topic.messages
}
MESSAGE_TYPES: dict[str, type[Message]] = {
    message.type_name(): message for topic in TOPICS for message in topic.messages
}
