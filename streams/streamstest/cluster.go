package streamstest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Cluster is three NATS servers in processes of their own that keep streams
// together.
type Cluster struct {
	servers []*External
}

// clusterSize is how many it takes to go on without one.
const clusterSize = 3

// NewCluster builds nats-server and runs three of them. They end with the test.
// Which of them leads what is decided a moment later.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	routes := make([]string, clusterSize)
	ports := make([]int, clusterSize)
	for i := range routes {
		ports[i] = freePort(t)
		routes[i] = fmt.Sprintf("%q", fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
	}
	c := &Cluster{}
	for i := range clusterSize {
		config := fmt.Sprintf("server_name: %s\ncluster {\n  name: rosey\n  listen: \"127.0.0.1:%d\"\n  routes: [%s]\n}",
			serverName(i), ports[i], strings.Join(routes, ", "))
		c.servers = append(c.servers, ExternalServer(t, ExternalOptions{Config: config, Stopped: true}))
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func serverName(i int) string { return fmt.Sprintf("n%d", i+1) }

// URLs returns where clients connect.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.servers))
	for i, s := range c.servers {
		urls[i] = s.URL()
	}
	return urls
}

// Server returns the server of that name, as NATS reports it: n1, n2 or n3. It
// is nil for any other.
func (c *Cluster) Server(name string) *External {
	for i, s := range c.servers {
		if serverName(i) == name {
			return s
		}
	}
	return nil
}

// Start runs those servers that do not run.
func (c *Cluster) Start() error {
	return c.all((*External).Start)
}

// Kill ends all servers at once, as a power cut does.
func (c *Cluster) Kill() {
	_ = c.all(func(s *External) error { s.Kill(); return nil })
}

func (c *Cluster) all(do func(*External) error) error {
	errs := make(chan error, len(c.servers))
	for _, s := range c.servers {
		go func() { errs <- do(s) }()
	}
	var all []error
	for range c.servers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
