"""The error family. Every error names its culprit, the state things are in and the next step.

OrchestratorError
├── Misuse                  the caller asked for something that cannot be (exit 2)
│   ├── UnknownAsset
│   ├── UnknownVersion
│   ├── VersionNotKept
│   ├── NoCandidate
│   ├── DefinitionError     a file of the project is wrong, with file and line
│   ├── AgentFileError
│   ├── EmbedderUnusable
│   └── NewerHome
├── Refusal                 the answer is no (exit 1)
│   ├── CandidateRejected
│   ├── SealBroken
│   ├── ParentRetracted
│   ├── BaseMoved
│   ├── LineageMoved
│   ├── TargetRetracted
│   ├── AlreadyLanded
│   ├── AlreadySettled
│   ├── AskSettled
│   ├── NotApprovable
│   ├── NotReplayable
│   ├── NotPermitted
│   ├── StatementRefused
│   ├── UntrustedModel
│   ├── ExamplesUnusable
│   ├── ModelNotServed
│   └── RowsRefused
└── Fault                   something broke (exit 3)
    ├── ForeignSnapshot
    ├── CommitMismatch
    ├── VersionDamaged
    ├── HomeMoved
    ├── BackupDamaged
    ├── LockTimeout
    ├── StorageFailed
    ├── CatalogDamaged
    ├── ReadersCopyDamaged
    ├── TableFileDamaged
    ├── CandidateDamaged
    ├── ReaderFailed
    ├── DbtFailed
    ├── PythonTableFailed
    ├── FeaturesFailed
    ├── TargetFailed
    ├── AlertNotSent
    ├── EmbeddingFailed
    ├── ProcessFailed
    ├── TrainingFailed
    ├── ScoringFailed
    ├── EndpointFailed
    ├── EndpointRefused
    ├── EndpointAnswerWrong
    ├── PullFailed
    └── PullRefused
"""

from .family import (
    EXIT_FAULT,
    EXIT_MISUSE,
    EXIT_NO,
    Fault,
    Misuse,
    OrchestratorError,
    Refusal,
)
from .faults import (
    AlertNotSent,
    BackupDamaged,
    CandidateDamaged,
    CatalogDamaged,
    CommitMismatch,
    DbtFailed,
    EmbeddingFailed,
    EndpointAnswerWrong,
    EndpointFailed,
    EndpointRefused,
    FeaturesFailed,
    ForeignSnapshot,
    HomeMoved,
    LockTimeout,
    ProcessFailed,
    PullFailed,
    PullRefused,
    PythonTableFailed,
    ReaderFailed,
    ReadersCopyDamaged,
    ScoringFailed,
    StorageFailed,
    TableFileDamaged,
    TargetFailed,
    TrainingFailed,
    VersionDamaged,
)
from .misuse import (
    AgentFileError,
    DefinitionError,
    EmbedderUnusable,
    NewerHome,
    NoCandidate,
    UnknownAsset,
    UnknownVersion,
    VersionNotKept,
)
from .refusals import (
    AlreadyLanded,
    AlreadySettled,
    AskSettled,
    BaseMoved,
    CandidateRejected,
    ExamplesUnusable,
    LineageMoved,
    ModelNotServed,
    NotApprovable,
    NotPermitted,
    NotReplayable,
    ParentRetracted,
    RowsRefused,
    SealBroken,
    StatementRefused,
    TargetRetracted,
    UntrustedModel,
)

__all__ = [
    "EXIT_FAULT",
    "EXIT_MISUSE",
    "EXIT_NO",
    "AgentFileError",
    "AlertNotSent",
    "AlreadyLanded",
    "AlreadySettled",
    "AskSettled",
    "BackupDamaged",
    "BaseMoved",
    "CandidateDamaged",
    "CandidateRejected",
    "CatalogDamaged",
    "CommitMismatch",
    "DbtFailed",
    "DefinitionError",
    "EmbedderUnusable",
    "EmbeddingFailed",
    "EndpointAnswerWrong",
    "EndpointFailed",
    "EndpointRefused",
    "ExamplesUnusable",
    "Fault",
    "FeaturesFailed",
    "ForeignSnapshot",
    "HomeMoved",
    "LineageMoved",
    "LockTimeout",
    "Misuse",
    "ModelNotServed",
    "NewerHome",
    "NoCandidate",
    "NotApprovable",
    "NotPermitted",
    "NotReplayable",
    "OrchestratorError",
    "ParentRetracted",
    "ProcessFailed",
    "PullFailed",
    "PullRefused",
    "PythonTableFailed",
    "ReaderFailed",
    "ReadersCopyDamaged",
    "Refusal",
    "RowsRefused",
    "ScoringFailed",
    "SealBroken",
    "StatementRefused",
    "StorageFailed",
    "TableFileDamaged",
    "TargetFailed",
    "TargetRetracted",
    "TrainingFailed",
    "UnknownAsset",
    "UnknownVersion",
    "UntrustedModel",
    "VersionDamaged",
    "VersionNotKept",
]
