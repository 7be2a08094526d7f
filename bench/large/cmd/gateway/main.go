// Command gateway serves gRPC health checks, and the same over HTTP with JSON.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"example.com/platform/internal/settings"
	"example.com/platform/internal/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("gateway", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	shutdown, err := telemetry.Start(ctx, "gateway")
	if err != nil {
		return err
	}
	defer shutdown(context.WithoutCancel(ctx))
	patience, err := settings.Duration("DRAIN", 10*time.Second)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", settings.Text("GRPC_ADDR", ":9090"))
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler()))
	state := health.NewServer()
	healthpb.RegisterHealthServer(server, state)
	reflection.Register(server)

	web, err := front(listener.Addr().String())
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	go func() { failed <- web.ListenAndServe() }()
	slog.Info("gateway serves", "grpc", listener.Addr(), "http", web.Addr)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	state.Shutdown()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	defer server.GracefulStop()
	if err := web.Shutdown(last); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

func front(address string) (*http.Server, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler()))
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("/metrics", promhttp.Handler())
	routes.Handle("/", runtime.NewServeMux(runtime.WithHealthzEndpoint(healthpb.NewHealthClient(connection))))
	return &http.Server{Addr: settings.Text("HTTP_ADDR", ":8080"), Handler: routes, ReadHeaderTimeout: 5 * time.Second}, nil
}
