// Package telemetry sets up traces and metrics for one command, sent by OTLP where an endpoint is configured.
package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"example.com/platform/internal/settings"
)

// Start installs the providers of a command and returns what stops them.
func Start(ctx context.Context, command string) (func(context.Context) error, error) {
	about, err := resource.Merge(resource.Default(), resource.NewSchemaless(semconv.ServiceName(command)))
	if err != nil {
		return nil, err
	}
	pull, err := prometheus.New()
	if err != nil {
		return nil, err
	}
	readers := []metric.Option{metric.WithResource(about), metric.WithReader(pull)}
	spans := []trace.TracerProviderOption{trace.WithResource(about)}
	if settings.Text("OTEL_EXPORTER_OTLP_ENDPOINT", "") != "" {
		push, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return nil, err
		}
		send, err := otlptracegrpc.New(ctx)
		if err != nil {
			return nil, err
		}
		readers = append(readers, metric.WithReader(metric.NewPeriodicReader(push)))
		spans = append(spans, trace.WithBatcher(send))
	}
	meters, tracers := metric.NewMeterProvider(readers...), trace.NewTracerProvider(spans...)
	otel.SetMeterProvider(meters)
	otel.SetTracerProvider(tracers)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	return func(ctx context.Context) error { return errors.Join(meters.Shutdown(ctx), tracers.Shutdown(ctx)) }, nil
}
