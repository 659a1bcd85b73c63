//! Link PHYs: serialization, flight, SerDes and FEC latency, credits
