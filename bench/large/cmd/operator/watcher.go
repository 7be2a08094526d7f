package main

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	informers "k8s.io/client-go/informers/apps/v1"
	listers "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

type watcher struct {
	deployments listers.DeploymentLister
	synced      cache.InformerSynced
	queue       workqueue.TypedRateLimitingInterface[cache.ObjectName]
	missing     metric.Int64Gauge
}

func newWatcher(informer informers.DeploymentInformer, meter metric.Meter) (*watcher, error) {
	missing, err := meter.Int64Gauge("deployment.replicas.missing")
	if err != nil {
		return nil, err
	}
	w := &watcher{
		deployments: informer.Lister(),
		synced:      informer.Informer().HasSynced,
		queue:       workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
		missing:     missing,
	}
	add := func(object any) {
		if name, err := cache.ObjectToName(object); err == nil {
			w.queue.Add(name)
		}
	}
	_, err = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    add,
		UpdateFunc: func(_, changed any) { add(changed) },
	})
	return w, err
}

func (w *watcher) work(ctx context.Context) error {
	go func() {
		<-ctx.Done()
		w.queue.ShutDown()
	}()
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		for w.next(ctx) {
		}
	}, 0)
	return ctx.Err()
}

func (w *watcher) next(ctx context.Context) bool {
	name, stopped := w.queue.Get()
	if stopped {
		return false
	}
	defer w.queue.Done(name)
	deployment, err := w.deployments.Deployments(name.Namespace).Get(name.Name)
	switch {
	case apierrors.IsNotFound(err):
		w.queue.Forget(name)
	case err != nil:
		w.queue.AddRateLimited(name)
	default:
		w.report(ctx, deployment)
		w.queue.Forget(name)
	}
	return true
}

func (w *watcher) report(ctx context.Context, deployment *appsv1.Deployment) {
	asked := int32(1)
	if deployment.Spec.Replicas != nil {
		asked = *deployment.Spec.Replicas
	}
	missing := int64(asked - deployment.Status.ReadyReplicas)
	w.missing.Record(ctx, missing, metric.WithAttributes(
		attribute.String("namespace", deployment.Namespace), attribute.String("name", deployment.Name)))
	if missing > 0 {
		slog.Warn("too few replicas", "namespace", deployment.Namespace, "name", deployment.Name, "missing", missing)
	}
}
