// Package settings reads what every command is told by its environment.
package settings

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Text returns the variable's value, or other where it is not set.
func Text(name, other string) string {
	if value, set := os.LookupEnv(name); set {
		return value
	}
	return other
}

// Duration returns the variable's value as a duration, or other where it is not set.
func Duration(name string, other time.Duration) (time.Duration, error) {
	value, set := os.LookupEnv(name)
	if !set {
		return other, nil
	}
	duration, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return duration, nil
}

// Number returns the variable's value as a whole number, or other where it is not set.
func Number(name string, other int) (int, error) {
	value, set := os.LookupEnv(name)
	if !set {
		return other, nil
	}
	number, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return number, nil
}
