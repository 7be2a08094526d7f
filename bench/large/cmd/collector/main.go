// Command collector records what exists in a cluster, once or again and again.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/retry"

	"example.com/platform/internal/cluster"
	"example.com/platform/internal/records"
	"example.com/platform/internal/settings"
	"example.com/platform/internal/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("collector", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	shutdown, err := telemetry.Start(ctx, "collector")
	if err != nil {
		return err
	}
	defer shutdown(context.WithoutCancel(ctx))
	every, err := settings.Duration("EVERY", time.Minute)
	if err != nil {
		return err
	}
	config, err := cluster.Config(settings.Text("KUBECONFIG", ""))
	if err != nil {
		return err
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	store, err := records.Open(ctx, settings.Text("DATABASE_URL", "postgres://localhost/records"))
	if err != nil {
		return err
	}
	defer store.Close()
	for ticker := time.NewTicker(every); ; {
		if err := collect(ctx, client, store); err != nil {
			slog.Warn("this round failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func collect(ctx context.Context, client metadata.Interface, store *records.Store) error {
	ctx, span := otel.Tracer("collector").Start(ctx, "collect")
	defer span.End()
	for _, kind := range kinds {
		list, err := client.Resource(kind).List(ctx, metav1.ListOptions{Limit: 500})
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
			return err
		}
		seen := make([]records.Record, 0, len(list.Items))
		for _, item := range list.Items {
			seen = append(seen, records.Record{Kind: kind.Resource, Namespace: item.Namespace, Name: item.Name, Seen: time.Now()})
		}
		save := func() error { return store.Save(ctx, seen) }
		if err := retry.OnError(retry.DefaultBackoff, func(error) bool { return ctx.Err() == nil }, save); err != nil {
			span.SetStatus(codes.Error, err.Error())
			return err
		}
	}
	return nil
}
