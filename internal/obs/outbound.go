package obs

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"rosey/bot/outbound"
	"rosey/streams/service"
)

// What the bot is asked to say. Labels hold states and reasons that this program
// knows, and the names of its own endpoints: their number is bounded.
var (
	outboundMessages = gauge("rosey_outbound_messages", "Messages in the queue; those that ended are kept for a week.", "state")
	outboundLines    = counter("rosey_outbound_lines_total", "Lines written to the site.")
	outboundFinished = counter("rosey_outbound_finished_total", "Messages that came to an end.", "state", "reason")
	outboundRetries  = counter("rosey_outbound_retries_total", "Messages that were queued again.", "reason")
	outboundWait     = histogram("rosey_outbound_wait_seconds", "How long messages were due before they were written.")
	outboundEcho     = histogram("rosey_outbound_echo_seconds", "How long the channel took to show a line.")

	serviceRequests = counter("rosey_service_requests_total", "Requests that were answered.", "endpoint")
	serviceErrors   = counter("rosey_service_errors_total", "Those that were answered with an error.", "endpoint", "code")
	serviceAtWork   = gauge("rosey_service_requests_at_work", "Requests that are being answered.", "endpoint")
	serviceTime     = histogram("rosey_service_request_seconds", "How long answers took.", "endpoint")
)

func (c *collector) outbound(ctx context.Context, ch chan<- prometheus.Metric) {
	tell := func(m metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
	}
	if c.src.Queue != nil {
		if states, err := c.src.Queue(ctx); err == nil {
			for _, s := range outbound.States() {
				tell(outboundMessages, float64(states[s]), string(s))
			}
		}
	}
	if c.src.Outbound == nil {
		return
	}
	r := c.src.Outbound()
	tell(outboundLines, float64(r.Lines))
	// What has not happened yet is told as 0: a first failure is a change then.
	for _, o := range []outbound.Outcome{{State: outbound.Sent}, {State: outbound.Unknown, Reason: outbound.ReasonNoEcho}} {
		if _, ok := r.Outcomes[o]; !ok {
			tell(outboundFinished, 0, string(o.State), o.Reason)
		}
	}
	for o, n := range r.Outcomes {
		tell(outboundFinished, float64(n), string(o.State), o.Reason)
	}
	if _, ok := r.Retries[outbound.ReasonFlood]; !ok {
		tell(outboundRetries, 0, outbound.ReasonFlood)
	}
	for reason, n := range r.Retries {
		tell(outboundRetries, float64(n), reason)
	}
	tellTimes(ch, outboundWait, r.Waits)
	tellTimes(ch, outboundEcho, r.Echoes)
}

func (c *collector) services(ch chan<- prometheus.Metric) {
	tell := func(m metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
	}
	for _, counts := range c.src.Services {
		for endpoint, n := range counts() {
			tell(serviceRequests, float64(n.Answered), endpoint)
			tell(serviceAtWork, float64(n.AtWork), endpoint)
			tell(serviceErrors, float64(n.ByCode[service.Internal]), endpoint, string(service.Internal))
			for code, of := range n.ByCode {
				if code != service.Internal {
					tell(serviceErrors, float64(of), endpoint, string(code))
				}
			}
			tellTimes(ch, serviceTime, n.Times, endpoint)
		}
	}
}
