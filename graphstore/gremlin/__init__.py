"""Engines that are reached through Gremlin: JanusGraph, and Gremlin Server for development."""
