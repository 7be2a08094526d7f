"""The Go workspaces for measurements: those of a small team and of a large repository, with real, pinned modules.

`shop` is the example, without its configuration, since no rival stamps versions. `twenty` is generated from templates,
`large` is a folder beside this module. go.sum and the indirect requirements come from `go mod tidy`, through this
machine's module proxy; pinned versions make them the same everywhere. `python -m bench.workspaces NAME FOLDER` writes
one as a git repository with one commit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LARGE = Path(__file__).resolve().parent / "large"
SHOP = LARGE.parent.parent / "examples" / "shop"
GO = "1.26.0"
WHO = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
DAY = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A Go workspace on disk. ``edited``: a file that only one service uses."""

    name: str
    root: Path
    services: dict[str, str]  # name -> package path, relative to the root
    edited: str

    def edit(self, number: object) -> None:
        """Change one line like a developer: the text of a log message of one command.

        Every copy of a workspace gets a different text: otherwise the second build would find the steps of the first.
        """
        file = self.root / self.edited
        lines = file.read_text().splitlines(keepends=True)
        marked = [i for i, line in enumerate(lines) if "slog.Warn(" in line]
        if len(marked) != 1:
            raise ValueError(f"{file} must have one line with slog.Warn, but has {len(marked)}")
        head, _, tail = lines[marked[0]].partition('slog.Warn("')
        words = tail.partition('"')
        lines[marked[0]] = f'{head}slog.Warn("{words[0].partition(" #")[0]} #{number} of {self.root.name}"{words[2]}'
        file.write_text("".join(lines))


def shop(root: Path) -> Workspace:
    """The example: four commands in five modules joined by go.work."""
    shutil.copytree(
        SHOP, root, ignore=shutil.ignore_patterns("gobake.yaml", ".gobake", "docker-bake.json", "*Dockerfile*")
    )
    services = {"api": "./api/cmd/api", "worker": "./worker", "shopctl": "./shopctl", "migrate": "./migrate"}
    return _committed(Workspace(name="shop", root=root, services=services, edited="api/internal/server/server.go"))


def large(root: Path) -> Workspace:
    """Five commands on client-go, gRPC, OpenTelemetry, pgx and the AWS SDK: about 1,080 packages per platform."""
    shutil.copytree(LARGE, root, dirs_exist_ok=True)
    services = {folder.name: f"./cmd/{folder.name}" for folder in sorted((LARGE / "cmd").iterdir())}
    return _finished(Workspace(name="large", root=root, services=services, edited="cmd/operator/watcher.go"))


# ---- twenty services

SERVICES = (
    "accounts", "audit", "billing", "carts", "catalog", "checkout", "coupons", "exports", "gateway", "imports",
    "invoices", "mailer", "orders", "payments", "pricing", "refunds", "reports", "search", "shipping", "stock",
)  # fmt: skip
TWENTY_MOD = f"""module example.com/twenty

go {GO}

require (
	example.com/kit v0.0.0
	github.com/go-chi/chi/v5 v5.2.3
	github.com/google/uuid v1.6.0
	github.com/prometheus/client_golang v1.23.2
)

replace example.com/kit => ./kit
"""
KIT = {
    "kit/go.mod": f"module example.com/kit\n\ngo {GO}\n\nrequire gopkg.in/yaml.v3 v3.0.1\n",
    "kit/settings/settings.go": """// Package settings reads a service's settings from a YAML file.
package settings

import (
	"errors"
	"io/fs"
	"os"

	"gopkg.in/yaml.v3"
)

// Settings are what every service is told.
type Settings struct {
	Address string            `yaml:"address"`
	Labels  map[string]string `yaml:"labels"`
}

// Read returns the file's settings, or the defaults where there is no file.
func Read(path string) (Settings, error) {
	settings := Settings{Address: ":8080"}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings, nil
	}
	if err != nil {
		return settings, err
	}
	return settings, yaml.Unmarshal(text, &settings)
}
""",
}
SHARED = {
    "internal/ids/ids.go": """// Package ids makes identifiers.
package ids

import "github.com/google/uuid"

// New returns an identifier that sorts by the time at which it was made.
func New() string { return uuid.Must(uuid.NewV7()).String() }
""",
    "internal/store/store.go": """// Package store keeps values of one kind in memory.
package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"example.com/twenty/internal/ids"
)

// Store is safe for many goroutines.
type Store[V any] struct {
	lock   sync.RWMutex
	values map[string]V
}

// New returns an empty store.
func New[V any]() *Store[V] { return &Store[V]{values: map[string]V{}} }

// Add keeps a value and returns its identifier.
func (s *Store[V]) Add(value V) string {
	s.lock.Lock()
	defer s.lock.Unlock()
	id := ids.New()
	s.values[id] = value
	return id
}

// Get returns the value of an identifier.
func (s *Store[V]) Get(id string) (V, bool) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	value, found := s.values[id]
	return value, found
}

// IDs returns all identifiers, oldest first.
func (s *Store[V]) IDs() []string {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return slices.SortedFunc(maps.Keys(s.values), cmp.Compare[string])
}
""",
    "internal/web/web.go": """// Package web is the HTTP side that all services share.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/twenty/internal/store"
)

var requests = promauto.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"service", "method"})

// Routes serves the values of a store, health and metrics.
func Routes[V any](service string, values *store.Store[V]) http.Handler {
	router := chi.NewRouter()
	router.Use(middleware.RequestID, middleware.Recoverer, counted(service))
	router.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	router.Handle("/metrics", promhttp.Handler())
	router.Get("/values", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, values.IDs()) })
	router.Get("/values/{id}", func(w http.ResponseWriter, r *http.Request) {
		if value, found := values.Get(chi.URLParam(r, "id")); found {
			answer(w, http.StatusOK, value)
			return
		}
		http.NotFound(w, r)
	})
	router.Post("/values", func(w http.ResponseWriter, r *http.Request) {
		var value V
		if err := json.NewDecoder(r.Body).Decode(&value); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, http.StatusCreated, values.Add(value))
	})
	return router
}

func counted(service string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.WithLabelValues(service, r.Method).Inc()
			next.ServeHTTP(w, r)
		})
	}
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// Serve answers requests until the context ends.
func Serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(last); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
""",
}
SERVICE = """// Command NAME keeps NAME over HTTP.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"example.com/kit/settings"

	"example.com/twenty/internal/store"
	"example.com/twenty/internal/web"
	"example.com/twenty/services/NAME/internal/model"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file := flag.String("settings", "/etc/NAME.yaml", "path of the settings")
	flag.Parse()
	asked, err := settings.Read(*file)
	if err == nil {
		slog.Warn("NAME begins", "address", asked.Address)
		err = web.Serve(ctx, asked.Address, web.Routes("NAME", store.New[model.Value]()))
	}
	if err != nil {
		slog.Error("NAME", "error", err)
		os.Exit(1)
	}
}
"""
MODEL = """// Package model says what NAME are.
package model

import "time"

// Value is one of NAME.
type Value struct {
	Name    string    `json:"name"`
	Amount  int       `json:"amount"`
	Changed time.Time `json:"changed"`
}
"""


def twenty(root: Path) -> Workspace:
    """Twenty small services on shared packages, a local module with a replace line, and a few third-party modules."""
    files = {"go.mod": TWENTY_MOD, **KIT, **SHARED}
    for name in SERVICES:
        files[f"services/{name}/main.go"] = SERVICE.replace("NAME", name)
        files[f"services/{name}/internal/model/model.go"] = MODEL.replace("NAME", name)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    _run("go", "mod", "tidy", cwd=root / "kit")
    services = {name: f"./services/{name}" for name in SERVICES}
    return _finished(Workspace(name="twenty", root=root, services=services, edited="services/orders/main.go"))


WORKSPACES: dict[str, Callable[[Path], Workspace]] = {"shop": shop, "twenty": twenty, "large": large}


def packages(workspace: Workspace, platform: str) -> int:
    """Return the number of packages for one platform's build of all services, including the standard library."""
    system, _, architecture = platform.partition("/")
    settings = {"GOOS": system, "GOARCH": architecture, "CGO_ENABLED": "0"}
    listed = _run("go", "list", "-deps", *workspace.services.values(), cwd=workspace.root, env=settings)
    return len(set(listed.split()))


def _finished(workspace: Workspace) -> Workspace:
    """Complete go.mod and go.sum, and commit everything, as in a clone."""
    _run("go", "mod", "tidy", cwd=workspace.root)
    return _committed(workspace)


def _committed(workspace: Workspace) -> Workspace:
    root = workspace.root
    _run("git", "init", "--quiet", "--initial-branch=main", cwd=root)
    _run("git", "add", "--all", cwd=root)
    _run("git", *WHO, "commit", "--quiet", "--message", f"The {workspace.name} workspace", cwd=root, env=DAY)
    return workspace


def _run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    settings = {**os.environ, "GOWORK": "off", **(env or {})}
    done = subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed in {cwd}:\n{done.stderr[-3000:]}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.workspaces", description=__doc__)
    parser.add_argument("name", choices=WORKSPACES)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    if asked.folder.exists() and any(asked.folder.iterdir()):
        raise SystemExit(f"{asked.folder} is not empty; name a new folder")
    workspace = WORKSPACES[asked.name](asked.folder)
    print(f"{workspace.root}: {len(workspace.services)} services, {packages(workspace, 'linux/amd64')} packages")


if __name__ == "__main__":
    main()
