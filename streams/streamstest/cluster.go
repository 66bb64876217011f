package streamstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Cluster is three NATS servers in processes of their own that keep streams
// together.
type Cluster struct {
	servers  []*External
	monitors []string // where each server tells how it is
}

// clusterSize is how many it takes to go on without one.
const clusterSize = 3

// Place is where one server of a cluster lives: host and port for each purpose, and
// a folder of its own.
type Place struct {
	Name            string // n1, n2 or n3
	Routes, Monitor string
	Client, Dir     string // of the server's own place alone
}

// NewCluster builds nats-server and runs three of them. They end with the test.
// Which of them leads what is decided a moment later.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	return newCluster(t, func(own Place, all []Place) string {
		routes := make([]string, len(all))
		for i, p := range all {
			routes[i] = fmt.Sprintf("%q", "nats://"+p.Routes)
		}
		return fmt.Sprintf("server_name: %s\nhttp: %q\ncluster {\n  name: rosey\n  listen: %q\n  routes: [%s]\n}",
			own.Name, own.Monitor, own.Routes, strings.Join(routes, ", "))
	}, false)
}

// NewClusterOf is NewCluster with configuration files of the test's own, which is
// given the place of each server and those of all.
func NewClusterOf(t testing.TB, file func(own Place, all []Place) string) *Cluster {
	t.Helper()
	return newCluster(t, file, true)
}

func newCluster(t testing.TB, file func(own Place, all []Place) string, whole bool) *Cluster {
	t.Helper()
	places := make([]Place, clusterSize)
	for i := range places {
		places[i] = Place{Name: serverName(i), Routes: freeAddr(t), Monitor: freeAddr(t)}
	}
	c := &Cluster{}
	for _, own := range places {
		o := ExternalOptions{Stopped: true}
		if whole {
			o.whole = func(port int, dir string) string {
				own.Client, own.Dir = fmt.Sprintf("127.0.0.1:%d", port), dir
				return file(own, places)
			}
		} else {
			o.Config = file(own, places)
		}
		c.monitors = append(c.monitors, own.Monitor)
		c.servers = append(c.servers, ExternalServer(t, o))
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func freeAddr(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePort(t))
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

// Healthy is nil once every server holds all that the cluster has agreed on. Only
// then may another be ended: a server that comes back counts as one of the two that
// make a majority before it has copied what it missed, so that ending both others
// meanwhile leaves a majority that lacks it.
//
// Each server is asked itself. What the leader reports of the others is how far they
// have taken the log, not their copy of the stream.
func (c *Cluster) Healthy(ctx context.Context) error {
	for i, monitor := range c.monitors {
		if err := healthy(ctx, monitor); err != nil {
			return fmt.Errorf("server %s: %w", serverName(i), err)
		}
	}
	return nil
}

func healthy(ctx context.Context, monitor string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+monitor+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, body)
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
