"""Finds out what an experiment's ``models:`` entry means, without loading any weights and without torch.

In: a ``ModelSpec``. Out: the folders that hold the model and its adapter, and its ``ModelFacts``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ecco_reports.errors import ModelLoadError, nearest
from ecco_reports.models import configs, hub
from ecco_reports.models.api import server
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.hashes import sha256_of
from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.modelspec import SERVED, ModelSpec
from ecco_reports.records import Family, canonical_json, digest
from ecco_reports.resources import bundled_models

BUNDLED = "bundled:"
WEIGHTS = "model.safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_INDEX = "model.safetensors.index.json"
_CONFIG = "config.json"
_ADAPTER_CONFIG = "adapter_config.json"
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model"),
    *("tokenizer.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "tekken.json"),
)
# Those of them that say how a text is divided; the first that is there says it alone.
_VOCABULARIES = ("tokenizer.json", "tekken.json")
# All that a plan reads. Named one by one: a pattern would fetch the configurations of other formats' folders as well.
_LIGHT_FILES = (_CONFIG, _INDEX, "generation_config.json", *_TOKENIZER_FILES)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_OTHER_LIBRARIES = (".h5", ".msgpack", ".onnx", ".tflite", ".ot")


@dataclass(frozen=True)
class Found:
    """Where a model or an adapter lies.

    Attributes:
        folder: The folder of its files.
        commit: The commit of a snapshot of the hub, else None.
    """

    folder: Path
    commit: str | None = None


def facts_of(spec: ModelSpec) -> ModelFacts:
    """What is known of a model from its configuration, its tokenizer and the hashes of its files.

    Raises:
        ModelLoadError: There is no such model, it cannot be had, or it is of a kind that is not loaded.
    """
    if spec.is_served:
        return server.facts_of(spec)
    found = find(spec)
    config = read_config(spec, found.folder)
    notes = [*_own_code(spec, config), *_quantized(spec, config)]
    adapter = find_adapter(spec)
    trained_for = None
    if adapter is not None:
        about = _read_json(spec, adapter.folder / _ADAPTER_CONFIG)
        trained_for = configs.family_of_adapter(about)
        notes.append(f"The adapter {spec.adapter} was merged into its weights.")
        base = about.get("base_model_name_or_path")
        # A folder on another machine says nothing; the name of another model does.
        if base and base != spec.source and _HUB_NAME.fullmatch(base):
            notes.append(f"The adapter says that it was trained on {base}.")
    family = Family(spec.family) if spec.family else trained_for or configs.family_of(config)
    limit = _read_json(spec, found.folder / "tokenizer_config.json").get("model_max_length")
    return ModelFacts(
        spec=_settled(spec, config, found),
        identity=_identity(spec, config, found, adapter),
        layers=configs.layers_of(config, family),
        context_length=configs.context_of(config, limit, family),
        tokenize=FastTokenizer.from_folder(found.folder),
        family=family,
        labels=configs.labels_of(config) if family is Family.CLASSIFICATION else (),
        notes=tuple(notes),
        shape=configs.shape_of(config, family, (found.folder / name for name in weight_files(spec, found.folder))),
    )


def needs_the_hub(source: str) -> bool:
    """Whether a source neither comes with the package, nor lies in a folder here, nor has a server.

    Raises:
        ModelLoadError: It is named like a folder, and there is none.
    """
    return not source.startswith((BUNDLED, SERVED)) and _local(source) is None


def tokenizer_of(identity: Mapping[str, str]) -> str:
    """Digest of what divides texts for a model, from the model's identity; empty where that says nothing of it.

    Templates and lists of special tokens are left out where a file holds the whole tokenizer: they change with the
    version of the library that wrote them, and texts are divided as before.
    """
    own = {name: identity[name] for name in _TOKENIZER_FILES if name in identity}
    whole = next(({name: own[name]} for name in _VOCABULARIES if name in own), own)
    return digest(whole) if whole else ""


def bundled_names() -> list[str]:
    """The names that may follow ``bundled:``."""
    return sorted(config.parent.name for config in bundled_models().glob("*/config.json"))


def find(spec: ModelSpec, weights: bool = False) -> Found:
    """The folder that holds the model's files.

    Args:
        spec: The model as the experiment names it.
        weights: Whether the weights are needed, or only configuration and tokenizer.

    Raises:
        ModelLoadError: There is no such model, or no weights that are safe to load.
    """
    if spec.source.startswith(BUNDLED):
        return Found(_bundled(spec))
    if spec.is_served:
        raise ModelLoadError(spec.source, f"{spec.source} is behind an API: it has no files that could be loaded.")
    if (local := _local(spec.source)) is not None:
        if spec.revision:
            raise ModelLoadError(spec.source, f"{spec.source} is a folder here, which has no revision. Remove the key.")
        folder = local / (spec.subfolder or "")
        if not folder.is_dir():
            raise ModelLoadError(spec.source, f"there is no folder {spec.subfolder!r} in {spec.source}.")
        _refuse_what_is_not_loaded(spec.source, _names_in(folder), _CONFIG, (WEIGHTS, _INDEX))
        return Found(folder)
    repo = hub.HubRepo(spec.source, spec.revision, spec.token_env)
    code = ["*.py"] if spec.trust_remote_code else []
    found = _from_hub(repo, spec.subfolder, _LIGHT_FILES, (WEIGHTS, _INDEX), code)
    if weights:
        repo = hub.HubRepo(spec.source, found.commit, spec.token_env)
        found = _from_hub(repo, spec.subfolder, weight_files(spec, found.folder), (WEIGHTS, _INDEX))
    return found


def find_adapter(spec: ModelSpec, weights: bool = False) -> Found | None:
    """The folder that holds the adapter's files, or None when the experiment names none.

    Raises:
        ModelLoadError: There is no such adapter, or no weights that are safe to load.
    """
    if spec.adapter is None:
        return None
    if (folder := _local(spec.adapter)) is not None:
        _refuse_what_is_not_loaded(spec.adapter, _names_in(folder), _ADAPTER_CONFIG, (ADAPTER_WEIGHTS,))
        return Found(folder)
    repo = hub.HubRepo(spec.adapter, spec.adapter_revision, spec.token_env)
    names = (_ADAPTER_CONFIG, ADAPTER_WEIGHTS) if weights else (_ADAPTER_CONFIG,)
    return _from_hub(repo, None, names, (ADAPTER_WEIGHTS,))


def weight_files(spec: ModelSpec, folder: Path) -> tuple[str, ...]:
    """The names of the files that hold the weights: one, or the parts that an index names."""
    if not (folder / _INDEX).is_file():
        return (WEIGHTS,)
    named = _read_json(spec, folder / _INDEX).get("weight_map")
    parts = sorted(set(map(str, named.values()))) if isinstance(named, Mapping) else []
    if not parts or not all(part.endswith(".safetensors") and Path(part).name == part for part in parts):
        raise ModelLoadError(spec.source, f"{folder / _INDEX} does not say which safetensors files hold the weights.")
    return tuple(parts)


def read_config(spec: ModelSpec, folder: Path) -> configs.Config:
    """The model's configuration.

    Raises:
        ModelLoadError: It is not there or cannot be read.
    """
    if not (folder / _CONFIG).is_file():
        raise ModelLoadError(spec.source, f"{folder} is no model: it has no {_CONFIG}.")
    return _read_json(spec, folder / _CONFIG)


def _local(source: str) -> Path | None:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise ModelLoadError(source, f"there is no folder {source!r}.")
    return None


def _bundled(spec: ModelSpec) -> Path:
    name = spec.source.removeprefix(BUNDLED)
    names = bundled_names()
    if name not in names:
        # Compared without the prefix, which would make every name look like every other one.
        close = nearest(name, names)
        listed = " or ".join(repr(BUNDLED + match) for match in close)
        hint = f"Did you mean {listed}?" if close else f"Known: {', '.join(BUNDLED + known for known in names)}."
        raise ModelLoadError(spec.source, f"no model called {name!r} ships with ecco_reports. {hint}")
    return bundled_models() / name


def _from_hub(
    repo: hub.HubRepo,
    subfolder: str | None,
    names: Iterable[str],
    weights: tuple[str, ...],
    patterns: Iterable[str] = (),
) -> Found:
    """The folder of a snapshot with these files; a repository without loadable weights is refused undownloaded."""
    inside = f"{subfolder.strip('/')}/" if subfolder else ""
    wanted = [*(inside + name for name in names), *patterns]

    def check(files: frozenset[str]) -> None:
        here = {name.removeprefix(inside) for name in files if name.startswith(inside)}
        if inside and not here:
            raise ModelLoadError(repo.id, f"there is no folder {subfolder!r} in {repo.id}.")
        config = _ADAPTER_CONFIG if ADAPTER_WEIGHTS in weights else _CONFIG
        _refuse_what_is_not_loaded(repo.id, here, config, weights)

    snapshot = hub.cached(repo, wanted) or hub.downloaded(repo, wanted, check)
    return Found(snapshot / inside, snapshot.name)


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _refuse_what_is_not_loaded(source: str, names: set[str], config: str, weights: tuple[str, ...]) -> None:
    """Refuses, in words, a model without configuration or without weights as safetensors."""
    if names.isdisjoint(weights) and any(name.endswith(".gguf") for name in names):
        what = f"{source} has GGUF weights only, which are made for llama.cpp. Take the model that they were made from."
        raise ModelLoadError(source, what)
    if config not in names:
        _refuse_without_config(source, names, config)
    if names.isdisjoint(weights):
        top = sorted(name for name in names if "/" not in name)
        _refuse_without_safetensors(source, top, weights[0])


def _refuse_without_config(source: str, names: set[str], config: str) -> NoReturn:
    what = f"{source} is no {'adapter' if config == _ADAPTER_CONFIG else 'model'}: it has no {config}."
    if config == _CONFIG and _ADAPTER_CONFIG in names:
        what = f"{source} is an adapter. Write it under adapter:, and the model that it was trained on as source."
    elif folders := sorted({name.rpartition("/")[0] for name in names if name.endswith(f"/{config}")}):
        what += f" There is one in {', '.join(folders[:3])}: name it with subfolder:."
    raise ModelLoadError(source, what)


def _refuse_without_safetensors(source: str, names: Iterable[str], wanted: str) -> NoReturn:
    pickles = [name for name in names if name.endswith(_PICKLES) and name != "training_args.bin"]
    others = [name for name in names if name.endswith(_OTHER_LIBRARIES)]
    if pickles and wanted == ADAPTER_WEIGHTS:
        way = (
            "from peft.utils import load_peft_weights as w; from safetensors.torch import save_file; "
            f"save_file({{k: v.contiguous() for k, v in w('FOLDER').items()}}, 'FOLDER/{wanted}')"
        )
    elif pickles:
        way = (
            "from transformers import AutoConfig as C, AutoTokenizer as T; import transformers as t; "
            f"s, d = {source!r}, 'converted'; getattr(t, C.from_pretrained(s).architectures[0])"
            ".from_pretrained(s).save_pretrained(d); T.from_pretrained(s).save_pretrained(d)"
        )
    if pickles:
        raise ModelLoadError(
            source,
            f"{source} has its weights as {pickles[0]} only, a pickle, which can run code when it is opened and is not "
            f'loaded. If you trust it, convert it once and use the new folder: python -c "{way}"',
        )
    if others:
        raise ModelLoadError(
            source,
            f"{source} has weights of another library only ({others[0]}), which transformers 5 does not read. Take a "
            f"checkpoint with {wanted}.",
        )
    raise ModelLoadError(source, f"{source} has no weights: there is no {wanted}.")


def _own_code(spec: ModelSpec, config: configs.Config) -> Iterable[str]:
    """The note that a model's own code runs.

    Raises:
        ModelLoadError: It has some, and the experiment does not say whether it may run.
    """
    code = configs.own_code(config)
    if not code or spec.trust_remote_code is False:
        return
    if spec.trust_remote_code is None:
        raise ModelLoadError(
            spec.source,
            f"{spec.source} brings Python code of its own ({code[0]}). Read it, and write trust_remote_code: true to "
            "run it, or trust_remote_code: false to use the class of the transformers library, if it has one.",
        )
    if elsewhere := [name for name in code if "--" in name]:
        raise ModelLoadError(
            spec.source,
            f"{spec.source} takes its code from another repository ({elsewhere[0]}), whose revision nobody has chosen. "
            "Put both into one folder.",
        )
    yield f"Python code that comes with the model was run: {', '.join(code)}."


def _quantized(spec: ModelSpec, config: configs.Config) -> Iterable[str]:
    """The note that weights are quantized, by the experiment or by the checkpoint."""
    own = config.get("quantization_config")
    if isinstance(own, Mapping):
        method = own.get("quant_method", "a method it does not name")
        if spec.quantization or spec.adapter:
            key = "quantization" if spec.quantization else "adapter"
            raise ModelLoadError(spec.source, f"{spec.source} is quantized already, by {method}. Remove the key {key}.")
        yield f"Its weights are quantized ({method})."
    elif spec.quantization:
        yield f"Its weights were quantized while loading ({spec.quantization.method})."


def _settled(spec: ModelSpec, config: configs.Config, found: Found) -> ModelSpec:
    """The spec with what the results depend on made certain: the number format and the commit."""
    dtype = configs.dtype_of(config) if spec.dtype == "auto" else spec.dtype
    if dtype not in configs.FLOATS:
        listed = ", ".join(configs.FLOATS)
        raise ModelLoadError(spec.source, f"{spec.source} names {dtype} for its weights. Write dtype: one of {listed}.")
    return spec.model_copy(update={"dtype": dtype, "revision": found.commit or spec.revision})


def _identity(spec: ModelSpec, config: configs.Config, found: Found, adapter: Found | None) -> Mapping[str, str]:
    """What makes this model this model.

    That is the commit of a hub snapshot or the hashes of its files, and every setting that changes weights or kind.
    """
    folder = found.folder
    identity = {name: _hash(spec, folder / name) for name in _TOKENIZER_FILES if (folder / name).is_file()}
    if found.commit:
        identity |= {"source": spec.source, "revision": found.commit}
        identity |= {"subfolder": spec.subfolder} if spec.subfolder else {}
    else:
        code = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.py"))]
        names = [_CONFIG, *weight_files(spec, folder), *(code if spec.trust_remote_code else ())]
        identity |= {name: _hash(spec, folder / name) for name in names}
    if adapter is not None and adapter.commit:
        identity |= {"adapter": str(spec.adapter), "adapter_revision": adapter.commit}
    elif adapter is not None:
        names = [_ADAPTER_CONFIG, ADAPTER_WEIGHTS]
        identity |= {f"adapter/{name}": _hash(spec, adapter.folder / name) for name in names}
    if spec.quantization:
        identity["quantization"] = canonical_json(spec.quantization.model_dump(mode="json"))
    if spec.family:
        identity["family"] = spec.family
    if configs.own_code(config):
        identity["own code"] = "run" if spec.trust_remote_code else "not run"
    return identity


def _hash(spec: ModelSpec, path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise ModelLoadError(spec.source, f"{path} cannot be read: {error.strerror}.") from error


def _read_json(spec: ModelSpec, path: Path) -> Mapping[str, Any]:
    """A JSON file as a mapping; empty when it is not there.

    Raises:
        ModelLoadError: It cannot be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelLoadError(spec.source, f"{path} cannot be read: {error}") from error
    if not isinstance(values, Mapping):
        raise ModelLoadError(spec.source, f"{path} cannot be read: it holds no mapping.")
    return values
