// Command worker counts the shop's stock on a schedule.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/robfig/cron/v3"

	"example.com/shop/catalog"
	"example.com/shop/worker/internal/stock"
)

// version is set while linking: go build -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	showVersion := flags.Bool("version", false, "print the version and exit")
	once := flags.Bool("once", false, "do the job once and exit")
	schedule := flags.String("schedule", "@every 1s", "when to do the job, in cron's words")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *showVersion {
		fmt.Fprintln(stdout, "worker", version)
		return nil
	}

	job := stock.NewJob(catalog.Load)
	if *once {
		line, err := job.Run()
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, line)
		return nil
	}

	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), ":8081"))
	if err != nil {
		return err
	}
	return work(ctx, listener, job, *schedule)
}

// work does the job on schedule and answers on listener until ctx ends.
func work(ctx context.Context, listener net.Listener, job *stock.Job, schedule string) error {
	defer listener.Close()
	// A run that is still busy when the next is due makes that one be skipped.
	jobs := cron.New(cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger)))
	last := ""
	_, err := jobs.AddFunc(schedule, func() {
		line, err := job.Run()
		if err != nil {
			line = "the run failed: " + err.Error()
		}
		if line != last { // one line a second would say little
			slog.Info(line)
			last = line
		}
	})
	if err != nil {
		return err
	}

	httpServer := &http.Server{Handler: routes(job), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(listener) }()
	jobs.Start()
	slog.Info("working", "schedule", schedule, "address", listener.Addr().String(), "version", version)

	select {
	case err = <-failed:
	case <-ctx.Done():
		slog.Info("shutting down")
		grace, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		err = httpServer.Shutdown(grace)
	}
	<-jobs.Stop().Done() // a run under way comes to its end
	return err
}

func routes(job *stock.Job) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		job.WriteCounters(w)
	})
	return mux
}
