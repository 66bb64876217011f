package obs

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// newRegistry makes a registry that holds the given collectors alone.
func newRegistry(cs ...prometheus.Collector) (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("obs: register metrics: %w", err)
		}
	}
	return r, nil
}
