// One function a topic; main runs those that were asked for.
#pragma once
void measure_warm(void);
void measure_cold(void);
void measure_stream(void);
void measure_advice(void);
void measure_leaving(void);
void measure_mapping(void);
void measure_recency(void);
void measure_slow(void);
void measure_again(void);
void measure_locking(void);
void measure_waking(void);
void measure_passing(void);
void measure_idle(void);
