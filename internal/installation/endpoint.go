package installation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Endpoint says where the server of a data folder listens.
type Endpoint struct {
	// URL is empty for a server without a client port.
	URL     string `json:"url"`
	Monitor string `json:"monitor,omitempty"`
	PID     int    `json:"pid"`
}

// ErrNoEndpoint is returned where no server has said that it runs.
var ErrNoEndpoint = errors.New("no server runs on this data folder")

// WriteEndpoint tells others where the server is. The file appears whole.
func (d Dir) WriteEndpoint(e Endpoint) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("installation: write endpoint: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(d.endpoint()), 0o700); err != nil {
		return fmt.Errorf("installation: write endpoint: %w", err)
	}
	if err := renameio.WriteFile(d.endpoint(), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("installation: write endpoint: %w", err)
	}
	return nil
}

// RemoveEndpoint takes back what WriteEndpoint told.
func (d Dir) RemoveEndpoint() error {
	if err := os.Remove(d.endpoint()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("installation: remove endpoint: %w", err)
	}
	return nil
}

// Endpoint reads where the server is. After a crash the file may be stale: only
// a connection tells.
func (d Dir) Endpoint() (Endpoint, error) {
	data, err := os.ReadFile(d.endpoint())
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, fmt.Errorf("installation: %s: %w", d, ErrNoEndpoint)
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("installation: read endpoint: %w", err)
	}
	var e Endpoint
	if err := json.Unmarshal(data, &e); err != nil {
		return Endpoint{}, fmt.Errorf("installation: read endpoint %s: %w", d.endpoint(), err)
	}
	return e, nil
}
