// Command operator watches Deployments and reports those that have fewer replicas than they ask for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"example.com/platform/internal/cluster"
	"example.com/platform/internal/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kubeconfig := flag.String("kubeconfig", "", "path of a kubeconfig file")
	namespace := flag.String("lease-namespace", "default", "where the lease is kept")
	flag.Parse()
	if err := run(ctx, *kubeconfig, *namespace); err != nil {
		slog.Error("operator", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, namespace string) error {
	shutdown, err := telemetry.Start(ctx, "operator")
	if err != nil {
		return err
	}
	defer shutdown(context.WithoutCancel(ctx))
	config, err := cluster.Config(kubeconfig)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: "operator", Namespace: namespace},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: host},
		},
		LeaseDuration:   15 * time.Second,
		RenewDeadline:   10 * time.Second,
		RetryPeriod:     2 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				if err := lead(ctx, client); err != nil && !errors.Is(err, context.Canceled) {
					slog.Error("leading", "error", err)
				}
			},
			OnStoppedLeading: func() { slog.Info("lease given back") },
		},
	})
	return nil
}

func lead(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 10*time.Minute)
	watch, err := newWatcher(factory.Apps().V1().Deployments(), otel.Meter("operator"))
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), watch.synced) {
		return ctx.Err()
	}
	return watch.work(ctx)
}
